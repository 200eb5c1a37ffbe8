//! Completion at other step budgets, so that no single budget flatters.

use std::collections::BTreeSet;

use crate::{
    error::{Result, count},
    promotion::figures::{arm_words, points, range},
    report::{
        Inputs, budgets,
        page::{Block, Cell, Section, Table},
        sections::rate_words,
    },
};

/// The section; `None` without a sweep.
///
/// # Errors
///
/// A bug of ours where the figure cannot be drawn.
pub fn section(inputs: &Inputs<'_>) -> Result<Option<Section>> {
    let points = &inputs.evidence.sweep;
    if points.is_empty() {
        return Ok(None);
    }
    let budgets: BTreeSet<u32> = points.iter().map(|it| it.steps).collect();
    let listed: Vec<String> = budgets.iter().map(u32::to_string).collect();
    let mut lead = vec![format!(
        "How large a gain looks depends on how long an agent may try; here it is at {}: {} tool calls.",
        count(budgets.len(), "budget"),
        listed.join(", ")
    )];
    if let Some(steps) = inputs.run.steps {
        lead.push(format!(
            "The verdict is taken at {steps}, fixed before the run."
        ));
    }
    let mut section = Section::new("budgets", "At other budgets", lead);
    let candidate = &inputs.verdicts.dream.question.candidate;
    let description = "The table below holds every point.";
    section.blocks.push(Block::Figure(budgets::figure(
        points,
        candidate,
        description,
    )?));
    let headings = [
        "Memory and budget",
        "#Completed",
        "#Difference from no memory (95 % interval)",
    ];
    let mut table = Table::new("Completion at each budget", &headings);
    for point in points {
        let difference = match (&point.from_bare, point.arm.as_str()) {
            (Some(it), _) => match it.interval {
                Some(interval) => format!("{} ({})", self::points(it.estimate), range(interval)),
                None => self::points(it.estimate),
            },
            (None, "bare") => "the baseline".to_owned(),
            (None, _) => "not compared".to_owned(),
        };
        table.rows.push(vec![
            Cell::text(format!(
                "{}, {} tool calls",
                arm_words(&point.arm),
                point.steps
            )),
            Cell::text(rate_words(&point.rate, "completed")),
            Cell::text(difference),
        ]);
    }
    section.blocks.push(Block::Table(table));
    Ok(Some(section))
}
