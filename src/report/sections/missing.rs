//! What went missing: broken trials, and the headline under each way of counting them.

use crate::{
    analysis::evidence::Comparison,
    error::count,
    promotion::figures::{arm_words, points, range},
    report::{
        Inputs,
        page::{Block, Cell, Section, Table},
    },
};

/// The ways of counting, in reading order, with what they do.
const WAYS: [(&str, &str); 5] = [
    (
        "exclude-task",
        "broken trials are left out, and tasks without any graded trial in one arm",
    ),
    ("broken-fails", "a broken trial counts as not completed"),
    (
        "worst-case",
        "against the candidate: its broken trials fail, the baseline's complete",
    ),
    (
        "best-case",
        "for the candidate: its broken trials complete, the baseline's fail",
    ),
    (
        "limit-excluded",
        "trials cut off by a limit are left out too",
    ),
];

/// Reasons shown.
const SHOWN: usize = 10;
/// Characters of a reason that are shown.
const REASON: usize = 300;

/// The section; `None` where nothing was compared and nothing broke.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let broken = inputs.evidence.broken();
    let lead = match broken {
        0 => "No trial broke.".to_owned(),
        number => format!(
            "{} broke and say nothing about the agent; they are not failures.",
            count(number as usize, "trial")
        ),
    };
    let mut section = Section::new("missing", "Missing trials", vec![lead]);
    section.blocks.extend(reasons(inputs).map(Block::Table));
    match inputs.headline() {
        Some(headline) => counted_otherwise(inputs, headline, &mut section),
        None if broken == 0 => return None,
        None => {}
    }
    Some(section)
}

/// Why trials broke; `None` where none did, or nobody said why.
fn reasons(inputs: &Inputs<'_>) -> Option<Table> {
    let all = inputs.evidence.broken_by();
    if all.is_empty() {
        return None;
    }
    let mut table = Table::new("Why trials broke", &["Reason", "#Trials", "Memory"]);
    for (reason, trials, arms) in all.iter().take(SHOWN) {
        let shown: String = reason.chars().take(REASON).collect();
        let arms: Vec<String> = arms.iter().map(|it| arm_words(it)).collect();
        table.rows.push(vec![
            Cell::text(shown),
            Cell::text(trials.to_string()),
            Cell::text(arms.join(", ")),
        ]);
    }
    let told: u32 = all.iter().take(SHOWN).map(|it| it.1).sum();
    if let Some(more) = inputs
        .evidence
        .broken()
        .checked_sub(told)
        .filter(|it| 0 < *it)
    {
        table.rows.push(vec![
            Cell::text("for other reasons; the journal has them all"),
            Cell::text(more.to_string()),
            Cell::text(""),
        ]);
    }
    Some(table)
}

/// The headline under each way of counting.
fn counted_otherwise(inputs: &Inputs<'_>, headline: &Comparison, section: &mut Section) {
    if !headline.excluded_tasks.is_empty() {
        let number = count(headline.excluded_tasks.len(), "task");
        section.lead.push(format!(
            "{number} could not be compared, because one arm has no graded trial: {}.",
            headline.excluded_tasks.join(", ")
        ));
    }
    let caption = format!(
        "{} against {}, if missing trials were counted otherwise",
        arm_words(&headline.candidate),
        arm_words(&headline.baseline)
    );
    let headings = [
        "Way of counting",
        "What it does",
        "#Tasks",
        "#Difference (95 % interval)",
    ];
    let mut table = Table::new(&caption, &headings);
    for (way, does) in WAYS {
        let Some(under) = headline.missingness.get(way) else {
            continue;
        };
        let decides = match inputs.verdicts.policy.dream.missing == way {
            true => " (decides)",
            false => "",
        };
        let difference = under.as_ref().map(|it| match it.interval {
            Some(interval) => format!("{} ({})", points(it.estimate), range(interval)),
            None => points(it.estimate),
        });
        table.rows.push(vec![
            Cell::text(format!("{way}{decides}")),
            Cell::text(does),
            Cell::text(
                under
                    .as_ref()
                    .map_or_else(|| "0".to_owned(), |it| it.tasks.to_string()),
            ),
            Cell::or_unknown(difference),
        ]);
    }
    if !table.rows.is_empty() {
        section.blocks.push(Block::Table(table));
    }
}
