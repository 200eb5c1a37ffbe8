//! The report as one self-contained HTML page: no script, no request, nothing unescaped.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    domain::id::Digest,
    report::{
        page::{Answer, Block, Cell, Figure, Headline, Report, Section, Step, Table, Transcripts},
        plot,
    },
};

/// The whole page.
pub fn page(report: &Report) -> String {
    let style = format!("{}{}", plot::palette(), include_str!("style.css"));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Digest::of(style.as_bytes()))
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.headline.sentence) }
                style { (PreEscaped(style)) }
            }
            body {
                a.skip href="#content" { "Skip to the findings" }
                (top(report))
                main #content {
                    @for part in &report.sections { (section(part)) }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn top(report: &Report) -> Markup {
    html! {
        header {
            (headline(&report.headline))
            p.kicker {
                b { bdi { (report.title) } }
                @if !report.about.is_empty() { " · " bdi { (report.about) } }
            }
            @if !report.answers.is_empty() {
                dl.answers { @for it in &report.answers { (answer(it)) } }
            }
        }
    }
}

fn headline(headline: &Headline) -> Markup {
    let (claim, rest) = match headline.sentence.split_once(": ") {
        Some((claim, rest)) => (format!("{claim}: "), rest),
        None => (headline.sentence.clone(), ""),
    };
    html! {
        h1 class=(headline.mood.class()) {
            span.shape aria-hidden="true" { (headline.mood.shape()) } " "
            span.claim { (claim) }
            span.rest { (prose(rest)) }
        }
        @if !headline.more.is_empty() {
            ul.more { @for it in &headline.more { li { (it) } } }
        }
    }
}

fn answer(answer: &Answer) -> Markup {
    html! {
        div {
            dt { a href={ "#" (answer.section) } { (answer.question) } }
            dd { (prose(&answer.answer)) }
        }
    }
}

fn section(section: &Section) -> Markup {
    let body = html! {
        @for it in &section.lead { p { (prose(it)) } }
        @for it in &section.blocks { (block(it)) }
    };
    html! {
        section id=(section.id) {
            @if section.folded {
                details { summary { h2 { (section.title) } } (body) }
            } @else {
                h2 { (section.title) }
                (body)
            }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Table(it) => table(it),
        Block::Figure(it) => figure(it),
        Block::List(items) => html! { ul { @for it in items { li { (prose(it)) } } } },
        Block::Code(text) => html! { pre tabindex="0" { code { (text) } } },
        Block::Transcripts(it) => transcripts(it),
    }
}

fn figure(figure: &Figure) -> Markup {
    html! {
        figure {
            figcaption { (figure.title) }
            div.wide { (PreEscaped(&figure.wide)) }
            div.narrow { (PreEscaped(&figure.narrow)) }
        }
    }
}

/// Roles are spelt out, since on narrow screens the style shows rows as blocks, and a browser then forgets them.
fn table(table: &Table) -> Markup {
    html! {
        table role="table" {
            caption { (table.caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for it in &table.columns {
                        th scope="col" role="columnheader" .numeric[it.numeric] { (it.title) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for row in &table.rows {
                    tr role="row" { @for (index, it) in row.iter().enumerate() { (cell(table, index, it)) } }
                }
            }
        }
    }
}

fn cell(table: &Table, index: usize, cell: &Cell) -> Markup {
    let column = table.columns.get(index);
    let title = column.map_or("", |it| it.title.as_str());
    let numeric = column.is_some_and(|it| it.numeric);
    html! {
        @if index == 0 {
            th scope="row" role="rowheader" { (content(cell)) }
        } @else {
            td role="cell" data-label=(title) .numeric[numeric] { div { (content(cell)) } }
        }
    }
}

fn content(cell: &Cell) -> Markup {
    match cell {
        Cell::Text(text) => html! { bdi { (prose(text)) } },
        Cell::Lines(lines) => html! { @for it in lines { p { bdi { (prose(it)) } } } },
        Cell::Verdict { mood, word, cause } => html! {
            span.verdict.(mood.class()) {
                span.shape aria-hidden="true" { (mood.shape()) } " " (word)
            }
            @if !cause.is_empty() { p.cause { (cause) } }
        },
        Cell::Named { name, detail } => html! {
            bdi.name { (name) }
            @if !detail.is_empty() { p.detail { bdi { (detail) } } }
        },
        Cell::Reasons { lines, more, text } => html! {
            @for it in lines { p { bdi { (prose(it)) } } }
            @if !text.is_empty() || !more.is_empty() {
                details {
                    summary { "its text and more" }
                    @if !text.is_empty() { pre { bdi { (text) } } }
                    @for it in more { p { bdi { (prose(it)) } } }
                }
            }
        },
    }
}

fn transcripts(pair: &Transcripts) -> Markup {
    html! {
        div.pair {
            h3 { (pair.title) }
            @if !pair.shared.is_empty() {
                details {
                    summary { "steps both took" }
                    ol { @for it in &pair.shared { li { (it) } } }
                }
            }
            div.sides {
                (side(&pair.without, &pair.without_steps, pair.shared.len() + 1))
                (side(&pair.with, &pair.with_steps, pair.shared.len() + 1))
            }
        }
    }
}

fn side(title: &str, steps: &[Step], first: usize) -> Markup {
    html! {
        div {
            h4 { (title) }
            ol start=(first) {
                @for it in steps {
                    li {
                        code { (it.did) }
                        @if !it.came.is_empty() {
                            p.came { @if it.failed { strong { "failed: " } } (it.came) }
                        }
                        @if !it.followed.is_empty() { p { mark { "followed: " (it.followed) } } }
                    }
                }
            }
        }
    }
}

/// A sentence whose percentages stay on one line.
fn prose(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// The bytes of a digest in base64, as a content security policy names them.
fn base64(digest: &Digest) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = digest
        .bytes()
        .iter()
        .map(|it| format!("{it:08b}"))
        .collect();
    let mut text = String::new();
    for six in bits.as_bytes().chunks(6) {
        let value = six
            .iter()
            .fold(0, |sum, bit| 2 * sum + usize::from(*bit == b'1'));
        let digit = DIGITS.get(value << (6 - six.len()));
        text.extend(digit.map(|it| char::from(*it)));
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn helpful() -> String {
        page(&Report::new(&fixture::helpful().inputs()).expect("a report"))
    }

    #[test]
    fn the_policy_names_the_style_by_its_hash_and_allows_nothing_else() {
        let html = helpful();
        let style = &html[html.find("<style>").expect("a style") + "<style>".len()..];
        let style = &style[..style.find("</style>").expect("its end")];
        let hash = base64(&Digest::of(style.as_bytes()));
        let policy = format!(
            "content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\""
        );
        assert!(html.contains(&policy), "{policy}");
        for request in ["<script", " style=", " src=", "href=\"http", "url("] {
            assert!(!html.contains(request), "{request}");
        }
    }

    #[test]
    fn a_digest_is_named_in_base64() {
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(base64(&Digest::of(b"")), empty);
    }

    #[test]
    fn the_first_screen_answers_five_questions_and_names_no_method() {
        let html = helpful();
        let first =
            &html[html.find("<header>").expect("a header")..html.find("<main").expect("a main")];
        for question in [
            "Compared with what?",
            "Did it help?",
            "What stays?",
            "What was noise?",
            "Where did it hurt?",
        ] {
            assert!(first.contains(question), "{question}");
        }
        for method in [
            "CR2",
            "McNemar",
            "Banzhaf",
            "Wilson",
            "Benjamini",
            "Holm",
            "p-value",
        ] {
            assert!(!first.contains(method), "{method}");
        }
    }

    #[test]
    fn every_answer_leads_to_a_section() {
        let report = Report::new(&fixture::helpful().inputs()).expect("a report");
        let html = page(&report);
        for answer in &report.answers {
            assert!(html.contains(&format!("<section id=\"{}\">", answer.section)));
        }
    }

    #[test]
    fn a_comparison_leaves_out_what_it_does_not_have() {
        let report = Report::new(&fixture::foreign().inputs()).expect("a report");
        let titles: Vec<&str> = report.sections.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "Compared with what",
                "Where it hurt",
                "What it costs",
                "Missing trials",
                "What this cannot say",
                "Where it comes from",
                "How this was computed"
            ]
        );
        let questions: Vec<&str> = report
            .answers
            .iter()
            .map(|it| it.question.as_str())
            .collect();
        assert_eq!(
            questions,
            ["Compared with what?", "Did it help?", "Where did it hurt?"]
        );
    }

    #[test]
    fn names_from_outside_stay_text() {
        let cell = Cell::Named {
            name: "<b>&\"'".into(),
            detail: String::new(),
        };
        let html = content(&cell).into_string();
        assert_eq!(html, "<bdi class=\"name\">&lt;b&gt;&amp;&quot;'</bdi>");
    }
}
