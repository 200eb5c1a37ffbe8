//! The learnings: what stays, and what was noise. What hurt is told with the rest of the harm.

use crate::{
    analysis::evidence::LearningEvidence,
    error::{Result, count},
    promotion::{
        figures::{names, plain_points, range, signed},
        screen,
        verdict::{Cause, LearningVerdict, Verdict},
    },
    report::{
        Inputs,
        page::{Block, Cell, Mood, Section, Table},
        plot::{Dot, Ink},
        rows::{Chart, Row, Scale, figure},
    },
};

/// Task names a cell shows.
const NAMED: usize = 3;

/// Where a learning is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It stays.
    Kept,
    /// It did nothing, or nothing that can be told from nothing.
    Noise,
    /// It did harm, or would, or might and waits for a person.
    Harm,
}

/// Where a learning with this verdict is told of.
pub fn place(verdict: &LearningVerdict) -> Place {
    match (verdict.verdict, verdict.cause) {
        (Verdict::Promote, _) => Place::Kept,
        (Verdict::Demote, _) => Place::Harm,
        (
            _,
            Some(
                Cause::Leak
                | Cause::Screen
                | Cause::NeedsReview
                | Cause::Canary
                | Cause::Violation
                | Cause::HarmsARole,
            ),
        ) => Place::Harm,
        (Verdict::Hold | Verdict::Reject, _) => Place::Noise,
    }
}

/// The verdicts told of at `at`, largest effect first.
pub fn placed<'a>(inputs: &Inputs<'a>, at: Place) -> Vec<&'a LearningVerdict> {
    let mut all: Vec<&LearningVerdict> = inputs
        .verdicts
        .learnings
        .iter()
        .filter(|it| place(it) == at)
        .collect();
    let size = |it: &LearningVerdict| it.effect.unwrap_or(f64::NEG_INFINITY);
    all.sort_by(|one, other| size(other).total_cmp(&size(one)));
    all
}

/// What stays, with the chart of all learnings; `None` where there are none.
///
/// # Errors
///
/// A bug of ours where the figure cannot be drawn.
pub fn kept(inputs: &Inputs<'_>) -> Result<Option<Section>> {
    if inputs.verdicts.learnings.is_empty() {
        return Ok(None);
    }
    let mut lead = vec![
        inputs.verdicts.tally.clone(),
        format!(
            "A learning stays when its gain is sure, also with {} tested together, and worth its words: {} or more. \
             The effect is what a learning adds on the tasks it applies to, measured in {} of attempts with random \
             halves of the learnings.",
            count(inputs.verdicts.learnings.len(), "learning"),
            plain_points(inputs.verdicts.policy.effect.least_gain),
            count(inputs.evidence.pairs as usize, "pair"),
        ),
    ];
    lead.extend(
        inputs
            .findings
            .map(|it| screen::tally(inputs.evidence.learnings.len(), it)),
    );
    let mut section = Section::new("stays", "What stays", lead);
    section.blocks.push(Block::Figure(figure(&chart(inputs))?));
    match table(inputs, Place::Kept, "Learnings that earned promotion") {
        Some(table) => section.blocks.push(Block::Table(table)),
        None => section
            .lead
            .push("No learning earned promotion.".to_owned()),
    }
    Ok(Some(section))
}

/// What was noise; `None` where there are no learnings.
pub fn noise(inputs: &Inputs<'_>) -> Option<Section> {
    if inputs.verdicts.learnings.is_empty() {
        return None;
    }
    let all = placed(inputs, Place::Noise);
    let useless = all
        .iter()
        .filter(|it| it.verdict == Verdict::Reject)
        .count();
    let lead = match (useless, all.len() - useless) {
        (0, 0) => "No learning was noise.".to_owned(),
        (useless, 0) => format!("{} had no useful effect.", count(useless, "learning")),
        (0, unclear) => format!(
            "{} cannot be told from noise yet.",
            count(unclear, "learning")
        ),
        (useless, unclear) => format!(
            "{} had no useful effect; {unclear} more cannot be told from noise yet.",
            count(useless, "learning")
        ),
    };
    let mut section = Section::new("noise", "What was noise", vec![lead]);
    section
        .blocks
        .extend(table(inputs, Place::Noise, "Learnings without a proven effect").map(Block::Table));
    Some(section)
}

/// A table of the learnings told of at `at`; `None` where there are none.
pub fn table(inputs: &Inputs<'_>, at: Place, caption: &str) -> Option<Table> {
    let mut table = Table::new(
        caption,
        &[
            "Learning",
            "Verdict",
            "#Effect in points (95 % interval)",
            "#Tasks helped",
            "#Tasks harmed",
            "#Words",
            "Why",
        ],
    );
    for verdict in placed(inputs, at) {
        let Some(learning) = inputs
            .evidence
            .learnings
            .iter()
            .find(|it| it.id == verdict.id)
        else {
            continue;
        };
        table.rows.push(row(learning, verdict));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn row(learning: &LearningEvidence, verdict: &LearningVerdict) -> Vec<Cell> {
    let desks = match learning.roles.as_slice() {
        [] => "every role".to_owned(),
        roles => roles.join(", "),
    };
    let findings = learning.findings.iter();
    let noted = findings.map(|it| format!("the screen noted: {it}"));
    let more = verdict.reasons.iter().skip(1).cloned().chain(noted);
    let mut why: Vec<String> = verdict.reasons.iter().take(1).cloned().collect();
    why.extend(tasks("helped", &verdict.helped_tasks));
    why.extend(tasks("harmed", &verdict.harmed_tasks));
    vec![
        Cell::Named {
            name: learning.name.clone(),
            detail: format!("{} for {desks}; {}", learning.kind, learning.source),
        },
        Cell::Verdict {
            mood: mood(verdict.verdict),
            word: verdict.verdict.word().to_owned(),
            cause: verdict
                .cause
                .map_or_else(String::new, |it| it.words().to_owned()),
        },
        Cell::text(effect(verdict)),
        Cell::text(verdict.helped_tasks.len().to_string()),
        Cell::text(verdict.harmed_tasks.len().to_string()),
        Cell::text(learning.words.to_string()),
        Cell::Reasons {
            lines: why,
            more: more.collect(),
            text: learning.text.clone(),
        },
    ]
}

/// `helped a-1, a-2, a-3 and 9 more`, where there is one.
fn tasks(deed: &str, all: &[String]) -> Option<String> {
    (!all.is_empty()).then(|| format!("{deed} {}", names(all, NAMED)))
}

/// `+12 (+6 to +18)`.
fn effect(verdict: &LearningVerdict) -> String {
    match (verdict.effect, verdict.interval) {
        (None, _) => "not estimated".to_owned(),
        (Some(effect), None) => signed(effect),
        (Some(effect), Some(interval)) => format!("{} ({})", signed(effect), range(interval)),
    }
}

/// How a verdict is drawn.
pub fn mood(verdict: Verdict) -> Mood {
    match verdict {
        Verdict::Promote => Mood::Good,
        Verdict::Hold => Mood::Unsure,
        Verdict::Reject => Mood::Flat,
        Verdict::Demote => Mood::Bad,
    }
}

fn chart(inputs: &Inputs<'_>) -> Chart {
    let order = [Place::Kept, Place::Noise, Place::Harm];
    let all: Vec<&LearningVerdict> = order
        .into_iter()
        .flat_map(|at| placed(inputs, at))
        .collect();
    let ends = all.iter().filter_map(|it| it.interval).flatten();
    let values = all.iter().filter_map(|it| it.effect).chain(ends);
    let least = inputs.verdicts.policy.effect.least_gain;
    Chart {
        id: "learnings".to_owned(),
        title: "Effect of each learning in points, with 95 % intervals".to_owned(),
        description: inputs.verdicts.tally.clone(),
        scale: Scale::holding(values.chain([least])),
        guides: vec![(0.0, "no effect".to_owned())],
        rows: all.into_iter().map(chart_row).collect(),
    }
}

fn chart_row(verdict: &LearningVerdict) -> Row {
    let dot = match verdict.verdict {
        Verdict::Promote => Dot::Up,
        Verdict::Hold => Dot::Diamond,
        Verdict::Reject => Dot::Ring,
        Verdict::Demote => Dot::Down,
    };
    let effect = verdict.effect;
    let word = match effect {
        Some(effect) => format!("{} {}", signed(effect), verdict.verdict.word()),
        None => verdict.verdict.word().to_owned(),
    };
    let cause = verdict.cause.filter(|it| *it != Cause::Harm);
    Row {
        label: verdict.name.clone(),
        interval: verdict.interval,
        dots: verdict.effect.map(|it| (it, dot)).into_iter().collect(),
        ink: Ink::of(mood(verdict.verdict)),
        strong: false,
        note: match cause {
            Some(cause) => format!("{word}: {}", cause.words()),
            None => word.clone(),
        },
        short_note: word,
    }
}
