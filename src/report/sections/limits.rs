//! What this report cannot say.

use crate::{
    error::count,
    promotion::figures::plain_points,
    report::{
        Inputs,
        page::{Block, Cell, Section, Table},
    },
};

/// Lines a table shows.
const LISTED: usize = 10;

/// The section.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let mut limits = Vec::new();
    if !inputs.run.agent_note.is_empty() {
        limits.push(inputs.run.agent_note.clone());
    }
    if !inputs.run.reused.is_empty() {
        limits.push(inputs.run.reused.clone());
    }
    if let Some(headline) = inputs.headline() {
        limits.push(match headline.smallest_visible {
            Some(size) => format!(
                "The smallest difference this comparison would see 4 times in 5 is {}; a smaller one may exist.",
                plain_points(size)
            ),
            None => "How small a difference this comparison could see is not known.".to_owned(),
        });
        limits.extend(headline.warnings.iter().cloned());
    }
    limits.extend(inputs.evidence.warnings.iter().cloned());
    let mut section = Section::new("limits", "What this cannot say", Vec::new());
    let lines = inputs.not_understood;
    if !lines.is_empty() {
        limits.push(format!(
            "{} of the memory belong to no learning and were not judged.",
            count(lines.len(), "line")
        ));
    }
    section.blocks.push(Block::List(limits));
    if !lines.is_empty() {
        let shown = match lines.len() {
            all if all <= LISTED => "Lines not understood".to_owned(),
            all => format!("The first {LISTED} of {all} lines not understood"),
        };
        let mut table = Table::new(&shown, &["Where", "Line"]);
        for (path, line, text) in lines.iter().take(LISTED) {
            table
                .rows
                .push(vec![Cell::text(format!("{path}:{line}")), Cell::text(text)]);
        }
        section.blocks.push(Block::Table(table));
    }
    let is_empty = matches!(section.blocks.first(), Some(Block::List(all)) if all.is_empty());
    (!is_empty).then_some(section)
}
