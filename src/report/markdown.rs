//! The report as GitHub-flavoured Markdown, short enough for a job summary or a comment.
//!
//! Text from outside is escaped: no table, link, mention, HTML or workflow command of its own survives.

use crate::report::page::{Block, Cell, Report, Section, Step, Table, Transcripts};

/// Beyond this many bytes sections are named instead of shown; a comment on GitHub holds about 64 KB.
const LONGEST: usize = 60_000;

/// The whole page.
pub fn page(report: &Report) -> String {
    let headline = &report.headline;
    let mut page = format!(
        "{} **{}**\n\n# {}\n",
        headline.mood.shape(),
        escaped(&headline.sentence),
        escaped(&report.title)
    );
    if !report.about.is_empty() {
        page += &format!("\n{}\n", escaped(&report.about));
    }
    page += &list(&headline.more);
    if !report.answers.is_empty() {
        page += "\n| Question | Answer |\n| --- | --- |\n";
    }
    for it in &report.answers {
        page += &format!(
            "| **{}** | {} |\n",
            escaped(&it.question),
            escaped(&it.answer)
        );
    }
    let mut left_out = Vec::new();
    for part in &report.sections {
        let text = section(part);
        match page.len() + text.len() <= LONGEST {
            true => page += &text,
            false => left_out.push(escaped(&part.title)),
        }
    }
    if !left_out.is_empty() {
        page += &format!(
            "\nToo long for here, see `report.html`: {}.\n",
            left_out.join(", ")
        );
    }
    page
}

fn section(section: &Section) -> String {
    let body: String = section.blocks.iter().map(block).collect();
    let lead: String = section
        .lead
        .iter()
        .map(|it| format!("\n{}\n", escaped(it)))
        .collect();
    match section.folded {
        true => format!(
            "\n<details><summary>{}</summary>\n{lead}{body}\n</details>\n",
            escaped(&section.title)
        ),
        false => format!("\n## {}\n{lead}{body}", escaped(&section.title)),
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Table(it) => table(it),
        Block::Figure(figure) => format!("\n![{}]({}.svg)\n", escaped(&figure.title), figure.id),
        Block::List(items) => list(items),
        Block::Code(text) => code(text),
        Block::Transcripts(pair) => transcripts(pair),
    }
}

fn list(items: &[String]) -> String {
    let items: String = items
        .iter()
        .map(|it| format!("- {}\n", escaped(it)))
        .collect();
    if items.is_empty() {
        items
    } else {
        format!("\n{items}")
    }
}

fn table(table: &Table) -> String {
    let heads: Vec<String> = table.columns.iter().map(|it| escaped(&it.title)).collect();
    let rule = |numeric: bool| if numeric { "---:" } else { "---" };
    let rules: Vec<&str> = table.columns.iter().map(|it| rule(it.numeric)).collect();
    let mut text = format!(
        "\n**{}**\n\n| {} |\n| {} |\n",
        escaped(&table.caption),
        heads.join(" | "),
        rules.join(" | ")
    );
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escaped(text),
        Cell::Lines(lines) | Cell::Reasons { lines, .. } => {
            let lines: Vec<String> = lines.iter().map(|it| escaped(it)).collect();
            lines.join("<br>")
        }
        Cell::Verdict { mood, word, cause } => match cause.is_empty() {
            true => format!("{} {}", mood.shape(), escaped(word)),
            false => format!("{} {}: {}", mood.shape(), escaped(word), escaped(cause)),
        },
        Cell::Named { name, detail } => match detail.is_empty() {
            true => format!("**{}**", escaped(name)),
            false => format!("**{}**<br>{}", escaped(name), escaped(detail)),
        },
    }
}

/// Preformatted text as HTML, which no backtick and no empty line can end.
fn code(text: &str) -> String {
    let safe = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace("::", "&#58;&#58;");
    format!("\n<pre>{safe}</pre>\n")
}

fn transcripts(pair: &Transcripts) -> String {
    let mut text = format!("\n### {}\n", escaped(&pair.title));
    text += &list(&pair.shared);
    for (side, steps) in [
        (&pair.without, &pair.without_steps),
        (&pair.with, &pair.with_steps),
    ] {
        text += &format!("\n**{}**\n\n", escaped(side));
        text += &steps.iter().map(step).collect::<String>();
    }
    text
}

fn step(step: &Step) -> String {
    let mut text = format!("1. {}", escaped(&step.did));
    if !step.came.is_empty() {
        let failed = if step.failed { "failed: " } else { "" };
        text += &format!("<br>{failed}{}", escaped(&step.came));
    }
    if !step.followed.is_empty() {
        text += &format!("<br>**followed: {}**", escaped(&step.followed));
    }
    text + "\n"
}

/// Text as it is, whatever Markdown, HTML, mentions or workflow commands it holds.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for it in text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
    {
        match it {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '@' => safe += "&#64;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => safe.extend(['\\', it]),
            other => safe.push(other),
        }
    }
    safe.replace("::", "&#58;&#58;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, page::Mood};

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(
            escaped("a|b `c` <img> @all [x](y) *z* _w_\n::error::& #1"),
            "a\\|b \\`c\\` &lt;img&gt; &#64;all \\[x\\](y) \\*z\\* \\_w\\_ &#58;&#58;error&#58;&#58;&amp; \\#1"
        );
    }

    #[test]
    fn the_first_line_is_the_verdict_with_its_denominator() {
        let text = page(&Report::new(&fixture::helpful().inputs()).expect("a report"));
        assert_eq!(
            text.lines().next(),
            Some(
                "▲ **Dreaming helped: dreamed memory completed 152 of 201 attempts at 67 tasks, no memory 61 of 201 \
                 (+45 points, 95 % sure of at least +38).**"
            )
        );
    }

    #[test]
    fn a_table_keeps_its_columns_whatever_its_cells_hold() {
        let mut it = Table::new("Learnings", &["Name", "Verdict", "#Words"]);
        it.rows.push(vec![
            Cell::text("a | b\nc"),
            Cell::Verdict {
                mood: Mood::Unsure,
                word: "hold".into(),
                cause: "too few pairs".into(),
            },
            Cell::text("21"),
        ]);
        assert_eq!(
            table(&it),
            "\n**Learnings**\n\n| Name | Verdict | Words |\n| --- | --- | ---: |\n\
             | a \\| b c | ◇ hold: too few pairs | 21 |\n"
        );
    }

    #[test]
    fn a_long_report_names_what_it_leaves_out() {
        let mut report = Report::new(&fixture::helpful().inputs()).expect("a report");
        report.sections[1].lead = vec!["word ".repeat(20_000)];
        let text = page(&report);
        assert!(text.len() < 64_000);
        assert!(text.ends_with("\nToo long for here, see `report.html`: What stays.\n"));
    }

    #[test]
    fn code_cannot_be_left() {
        let text = code("a```\n\n::error::</pre>");
        assert_eq!(
            text,
            "\n<pre>a```\n\n&#58;&#58;error&#58;&#58;&lt;/pre&gt;</pre>\n"
        );
    }
}
