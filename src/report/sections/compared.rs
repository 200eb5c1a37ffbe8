//! Compared with what: each arm's completion, and the candidate against each baseline.

use crate::{
    analysis::evidence::Comparison,
    error::{Result, count},
    promotion::{
        contrast::Finding,
        figures::{arm_words, of_trials, percent, points, range},
    },
    report::{
        Inputs,
        budgets::look,
        page::{Block, Cell, Mood, Section, Table},
        rows::{Chart, Row, Scale, figure},
        sections::rate_words,
    },
};

/// The section; `None` where nothing was compared.
///
/// # Errors
///
/// A bug of ours where the figure cannot be drawn.
pub fn section(inputs: &Inputs<'_>) -> Result<Option<Section>> {
    // Without a candidate arms are still compared with each other, if anything was graded.
    let any = inputs.evidence.comparisons.first();
    let any = any.filter(|_| !inputs.evidence.is_all_broken());
    let Some(headline) = inputs.headline().or(any) else {
        return Ok(None);
    };
    let tasks = count(headline.tasks as usize, "task");
    let from = match headline.families < headline.tasks {
        true => format!(" from {}", count(headline.families as usize, "family")),
        false => String::new(),
    };
    let how = match inputs.run.fingerprint.is_empty() {
        true => "; each is compared with itself, so a hard one is hard for both.",
        false => ", attempted by every arm: same seeds, same agent, only the memory differs.",
    };
    let lead = vec![format!("{tasks}{from}{how}")];
    let mut section = Section::new("compared", "Compared with what", lead);
    section
        .blocks
        .push(Block::Figure(figure(&arms_chart(inputs, headline))?));
    section.blocks.push(Block::Table(contrasts_table(inputs)));
    section
        .blocks
        .push(Block::Table(arms_table(inputs, &headline.outcome)));
    Ok(Some(section))
}

fn arms_chart(inputs: &Inputs<'_>, headline: &Comparison) -> Chart {
    let candidate = &inputs.verdicts.dream.question.candidate;
    let rows: Vec<Row> = inputs
        .evidence
        .arms
        .iter()
        .map(|arm| {
            let (dot, ink) = look(&arm.arm, candidate);
            Row {
                label: arm_words(&arm.arm),
                interval: arm.rate.interval,
                dots: arm.rate.rate.map(|rate| (rate, dot)).into_iter().collect(),
                ink,
                strong: &arm.arm == candidate,
                note: rate_words(&arm.rate, &headline.outcome),
                short_note: of_trials(&arm.rate),
            }
        })
        .collect();
    let said: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: {}", row.label, row.note))
        .collect();
    Chart {
        id: "arms".to_owned(),
        title: "Completion under each arm, with 95 % intervals".to_owned(),
        description: format!("{}.", said.join("; ")),
        scale: Scale::Rates,
        guides: Vec::new(),
        rows,
    }
}

fn contrasts_table(inputs: &Inputs<'_>) -> Table {
    let mut table = Table::new(
        "Each comparison, task by task",
        &[
            "Comparison",
            "#Completed",
            "#Against",
            "#Difference (95 % interval)",
            "#Times as often",
            "#Tasks better / worse / same",
            "Finding",
        ],
    );
    for compared in &inputs.evidence.comparisons {
        table.rows.push(vec![
            Cell::text(format!(
                "{} against {}",
                arm_words(&compared.candidate),
                arm_words(&compared.baseline)
            )),
            Cell::text(rate_words(&compared.candidate_rate, &compared.outcome)),
            Cell::text(rate_words(&compared.baseline_rate, &compared.outcome)),
            Cell::or_unknown(difference(compared)),
            Cell::text(fold(compared)),
            Cell::text(format!(
                "{} / {} / {}",
                compared.improved, compared.regressed, compared.tied
            )),
            finding(inputs, compared),
        ]);
    }
    table
}

/// `+45 points (+37 to +53)`.
fn difference(compared: &Comparison) -> Option<String> {
    let estimate = points(compared.difference.estimate?);
    Some(match compared.difference.interval {
        Some(interval) => format!("{estimate} ({})", range(interval)),
        None => estimate,
    })
}

fn fold(compared: &Comparison) -> String {
    let Some(ratio) = &compared.ratio else {
        return "no ratio to 0".to_owned();
    };
    match ratio.interval {
        Some([low, high]) => format!("{:.1}× ({low:.1} to {high:.1})", ratio.estimate),
        None => format!("{:.1}×", ratio.estimate),
    }
}

fn finding(inputs: &Inputs<'_>, compared: &Comparison) -> Cell {
    let dream = &inputs.verdicts.dream;
    let decided = dream.contrasts.iter().find(|it| {
        it.baseline == compared.baseline && dream.question.candidate == compared.candidate
    });
    let (mood, word) = match decided.map(|it| it.finding) {
        Some(Finding::Gain) => (Mood::Good, "a gain"),
        Some(Finding::NoUsefulEffect) => (Mood::Flat, "no useful effect"),
        Some(Finding::Harm) => (Mood::Bad, "harm"),
        Some(Finding::Unclear) => (Mood::Unsure, "undecided"),
        Some(Finding::TooManyBroken) => (Mood::Unsure, "too many broken"),
        Some(Finding::NotTested) => (Mood::Unsure, "not tested"),
        Some(Finding::NotRun) | None => return Cell::text("shown for scale"),
    };
    Cell::Verdict {
        mood,
        word: word.to_owned(),
        cause: String::new(),
    }
}

fn arms_table(inputs: &Inputs<'_>, outcome: &str) -> Table {
    let mut table = Table::new(
        "Each arm on all its graded attempts",
        &[
            "Memory",
            "#Completed",
            "#95 % interval",
            "#Violations",
            "#Broken, not counted",
        ],
    );
    for arm in inputs.evidence.arms.iter() {
        let bounds = arm.rate.interval.map(|it| match outcome {
            "score" => format!("{:.2} to {:.2}", it[0], it[1]),
            _ => format!("{} to {}", percent(it[0]), percent(it[1])),
        });
        table.rows.push(vec![
            Cell::text(arm_words(&arm.arm)),
            Cell::text(rate_words(&arm.rate, outcome)),
            Cell::or_unknown(bounds),
            Cell::text(match arm.violations {
                0 => "none".to_owned(),
                number => format!(
                    "{number} in {}",
                    count(arm.trials_with_violations as usize, "attempt")
                ),
            }),
            Cell::text(arm.broken.to_string()),
        ]);
    }
    table
}
