//! What went missing: broken trials, and the headline under each way of counting them.

use crate::{
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

/// The section; `None` where nothing was compared.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let headline = inputs.headline()?;
    let broken: u32 = inputs.evidence.arms.iter().map(|it| it.broken).sum();
    let mut lead = vec![match broken {
        0 => "No trial broke.".to_owned(),
        number => format!(
            "{} broke and say nothing about the agent; they are not failures.",
            count(number as usize, "trial")
        ),
    }];
    if !headline.excluded_tasks.is_empty() {
        let number = count(headline.excluded_tasks.len(), "task");
        lead.push(format!(
            "{number} could not be compared, because one arm has no graded trial: {}.",
            headline.excluded_tasks.join(", ")
        ));
    }
    let mut section = Section::new("missing", "If missing trials were counted otherwise", lead);
    let caption = format!(
        "{} against {} under each way of counting",
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
    Some(section)
}
