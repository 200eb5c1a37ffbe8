//! Pages from finished data: one [`Report`] value, rendered as HTML, Markdown, JUnit and SVG.
//!
//! Everything a page shows is in that value as data or as a ready sentence; the renderers compute nothing, know no
//! clock and give the same bytes for the same value.

pub mod answers;
pub mod budgets;
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
pub mod page;
pub mod plot;
pub mod rows;
pub mod sections;

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

/// Every file of a report: the pages, `junit.xml`, the two JSON files, and one SVG per figure.
///
/// # Errors
///
/// A bug of ours where a renderer fails on finished data.
pub fn files(inputs: &Inputs<'_>) -> Result<Vec<File>> {
    let report = Report::new(inputs)?;
    let file = |name: &str, text: String| File {
        name: name.to_owned(),
        text: without_tricks(&text),
    };
    let mut files = vec![
        file("report.html", html::page(&report)),
        file("report.md", markdown::page(&report)),
        file("junit.xml", junit::document(&report)?),
        file("evidence.json", json::pretty(inputs.evidence)?),
        file("verdicts.json", json::pretty(inputs.verdicts)?),
    ];
    for section in &report.sections {
        for block in &section.blocks {
            if let Block::Figure(figure) = block {
                files.push(file(
                    &format!("{}.svg", figure.id),
                    plot::standalone(figure),
                ));
            }
        }
    }
    Ok(files)
}

/// The text without characters that turn or hide other text: controls, direction overrides and tag characters
/// become U+FFFD, so that a reader sees that something was there.
pub fn without_tricks(text: &str) -> String {
    let is_trick = |it: char| match it {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    };
    text.chars()
        .map(|it| if is_trick(it) { '\u{fffd}' } else { it })
        .collect()
}
