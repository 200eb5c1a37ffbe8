//! Pages from finished data: one [`Report`] value, rendered as HTML, Markdown, JUnit and SVG.
//!
//! Everything a page shows is in that value as data or as a ready sentence; the renderers compute nothing, know no
//! clock and give the same bytes for the same value.

pub mod answers;
pub mod budgets;
pub mod card;
pub mod cases;
pub mod criteria;
pub mod examples;
#[cfg(test)]
pub mod fixture;
pub mod html;
pub mod inputs;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod nights;
pub mod page;
pub mod plot;
pub mod rows;
pub mod sarif;
pub mod sections;
pub mod summary;

pub use inputs::Inputs;
pub use page::Report;

use crate::{error::Result, report::page::Block};

/// One file of a report: its name and contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Such as `report.html`; never from outside.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Every file of a report: the pages, `junit.xml`, the two JSON files, `screen.sarif` where learnings were screened,
/// and one SVG per figure.
///
/// # Errors
///
/// A bug of ours where a renderer fails on finished data.
pub fn files(inputs: &Inputs<'_>) -> Result<Vec<File>> {
    let report = Report::new(inputs)?;
    let file = |name: &str, text: String| File {
        name: name.to_owned(),
        text,
    };
    let page = |name: &str, text: String| file(name, without_tricks(&text));
    let mut files = vec![
        page("report.html", html::page(&report)),
        page("report.md", markdown::page(&report)),
        page("junit.xml", junit::document(&report)?),
        file("evidence.json", json::pretty(inputs.evidence)?),
        file("verdicts.json", json::pretty(inputs.verdicts)?),
    ];
    if let Some(findings) = inputs.findings {
        files.push(file("screen.sarif", sarif::document(findings)?));
    }
    for section in &report.sections {
        for block in &section.blocks {
            if let Block::Figure(figure) = block {
                let name = format!("{}.svg", figure.id);
                files.push(page(&name, plot::standalone(figure)));
            }
        }
    }
    Ok(files)
}

/// The text without characters that turn or hide other text: controls, direction overrides and tag characters
/// become U+FFFD, so that a reader sees that something was there.
pub fn without_tricks(text: &str) -> String {
    let shown = |it| if is_trick(it) { '\u{fffd}' } else { it };
    text.chars().map(shown).collect()
}

/// Whether a character turns or hides text, or may stand in no XML document.
pub fn is_trick(character: char) -> bool {
    match character {
        '\n' | '\r' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}' => true,
        '\u{fffe}' | '\u{ffff}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotion::verdict::Verdicts;

    #[test]
    fn a_report_is_a_page_a_summary_cases_numbers_verdicts_and_figures() {
        let files = files(&fixture::helpful().inputs()).expect("a report");
        let names: Vec<&str> = files.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "report.html",
                "report.md",
                "junit.xml",
                "evidence.json",
                "verdicts.json",
                "screen.sarif",
                "arms.svg",
                "learnings.svg",
                "families.svg",
                "budgets.svg"
            ]
        );
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes() {
        let fixture = fixture::helpful();
        assert_eq!(files(&fixture.inputs()), files(&fixture.inputs()));
    }

    #[test]
    fn verdicts_read_back() {
        let fixture = fixture::helpful();
        let files = files(&fixture.inputs()).expect("a report");
        let read: Verdicts = serde_json::from_str(&files[4].text).expect("verdicts");
        assert_eq!(read.dream.sentence, fixture.verdicts.dream.sentence);
        assert_eq!(read.learnings.len(), 18);
    }

    #[test]
    fn text_that_turns_or_hides_other_text_is_made_visible() {
        let tricky = "a\u{202e}b\u{1b}[31mc\u{e0041}\nשלום";
        assert_eq!(
            without_tricks(tricky),
            "a\u{fffd}b\u{fffd}[31mc\u{fffd}\nשלום"
        );
    }

    #[test]
    fn no_hostile_name_survives_in_any_file() {
        let files = files(&fixture::hostile().inputs()).expect("a report");
        for file in files
            .iter()
            .filter(|it| !it.name.ends_with(".json") && it.name != "screen.sarif")
        {
            assert!(!file.text.contains("<script>alert"), "{}", file.name);
            assert!(!file.text.contains("\u{202e}"), "{}", file.name);
            let is_log = !file.name.ends_with(".html");
            assert!(
                !(is_log && file.text.contains("\n::error")),
                "{}",
                file.name
            );
        }
    }
}
