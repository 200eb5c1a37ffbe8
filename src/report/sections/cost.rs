//! What each arm costs: steps, words read, dollars where they are known.

use crate::{
    analysis::{
        evidence::{ArmSummary, JudgeCost},
        spending::Spending,
    },
    error::{count, dollars},
    promotion::figures::{amount, arm_words, grouped},
    report::{
        Inputs,
        page::{Block, Cell, Section, Table},
    },
};

/// The section; `None` where no arm measured any cost.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let arms: Vec<&ArmSummary> = inputs
        .evidence
        .arms
        .iter()
        .filter(|it| measured(it))
        .collect();
    if arms.is_empty() {
        return None;
    }
    let lead = vec!["What was not measured is said to be so; it is not zero.".to_owned()];
    let mut section = Section::new("cost", "What it costs", lead);
    let mut table = Table::new(
        "Per attempt and per completed attempt",
        &[
            "Memory",
            "#Learnings in the store",
            "#Tool calls per attempt",
            "#Tool calls per completed attempt",
            "#Words of memory read per attempt",
            "#Of them applied, shown, followed per attempt",
            "#Dollars in all",
            "#Dollars per completed attempt",
        ],
    );
    let is_score = inputs.headline().is_some_and(|it| it.outcome == "score");
    table.rows = arms.into_iter().map(|arm| row(arm, is_score)).collect();
    section.blocks.push(Block::Table(table));
    section.blocks.extend(judged(inputs).map(Block::Table));
    section.blocks.extend(spent(inputs).map(Block::Table));
    Some(section)
}

/// What judging the rubrics took, apart from the attempts; `None` where no judge was asked.
fn judged(inputs: &Inputs<'_>) -> Option<Table> {
    let arms = inputs.evidence.arms.iter();
    let judged: Vec<(&ArmSummary, JudgeCost)> =
        arms.filter_map(|arm| Some((arm, arm.judge?))).collect();
    if judged.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "The judge of the rubrics, apart from the attempts",
        &[
            "Memory",
            "#Trials judged",
            "#Input tokens",
            "#Output tokens",
            "#Dollars",
        ],
    );
    let row = |(arm, cost): (&ArmSummary, JudgeCost)| {
        vec![
            Cell::text(arm_words(&arm.arm)),
            Cell::text(cost.trials.to_string()),
            Cell::or_unknown(cost.input_tokens.map(grouped)),
            Cell::or_unknown(cost.output_tokens.map(grouped)),
            Cell::or_unknown(cost.cost_usd.map(dollars)),
        ]
    };
    table.rows = judged.into_iter().map(row).collect();
    Some(table)
}

/// What was consumed in all, by who was paid; `None` where nobody said.
fn spent(inputs: &Inputs<'_>) -> Option<Table> {
    let spending = &inputs.run.spending;
    if spending.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "What the whole run consumed, by who was paid",
        &[
            "Who",
            "#Times",
            "#Input tokens",
            "#Output tokens",
            "#Dollars",
        ],
    );
    let row = |it: &Spending| {
        vec![
            Cell::text(match it.lost {
                0 => it.role.clone(),
                lost => format!(
                    "{} ({} cut or of no use, in no figure here and perhaps billed)",
                    it.role,
                    count(lost as usize, "more answer")
                ),
            }),
            Cell::text(grouped(u64::from(it.times))),
            Cell::or_unknown(it.input_tokens.map(grouped)),
            Cell::or_unknown(it.output_tokens.map(grouped)),
            Cell::or_unknown(it.dollars.map(dollars)),
        ]
    };
    table.rows = spending.iter().map(row).collect();
    Some(table)
}

fn measured(arm: &ArmSummary) -> bool {
    arm.mean_steps.is_some()
        || arm.mean_words_read.is_some()
        || arm.cost_usd.is_some()
        || arm.judge.is_some()
}

/// A sum of scores is no number of completed attempts, so nothing is divided by it.
fn row(arm: &ArmSummary, is_score: bool) -> Vec<Cell> {
    let completed = Some(arm.rate.completed).filter(|it| 0.0 < *it && !is_score);
    let trials = f64::from(arm.rate.trials);
    let steps_each = completed
        .zip(arm.mean_steps)
        .map(|(done, steps)| steps * trials / done);
    let dollars_each = completed.zip(arm.cost_usd).map(|(done, cost)| cost / done);
    let delivery = [arm.mean_eligible, arm.mean_surfaced, arm.mean_followed];
    let delivery: Option<Vec<String>> = delivery.into_iter().map(|it| it.map(amount)).collect();
    let opened = arm.mean_opened.map_or_else(String::new, |it| {
        format!("; {} asked for by name", amount(it))
    });
    vec![
        Cell::text(arm_words(&arm.arm)),
        Cell::text(arm.learnings.to_string()),
        Cell::or_unknown(arm.mean_steps.map(amount)),
        Cell::or_unknown(steps_each.map(amount)),
        Cell::or_unknown(arm.mean_words_read.map(amount)),
        Cell::or_unknown(delivery.map(|it| format!("{}{opened}", it.join(", ")))),
        Cell::or_unknown(arm.cost_usd.map(dollars)),
        Cell::or_unknown(dollars_each.map(dollars)),
    ]
}
