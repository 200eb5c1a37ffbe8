//! Pieces of a run's work for people to label: blind to arm and judge, and a key that tells both.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    domain::{
        id::Digest,
        session::Session,
        task::{Criterion, Task},
        trial::{Grade, Outcome},
    },
    draw::Key,
    error::{Error, Result, did_you_mean},
    formats::{
        dataset::write_sheet,
        labels::{KEY, word},
    },
    runner::{journal::Record, plan::PlannedTrial, transcripts::Library},
    scoring::Shown,
    study::Finished,
};

/// A table to be labelled, and the key to it, as CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blind {
    /// For people.
    pub table: String,
    /// For nobody who labels.
    pub key: String,
    /// Pieces of work in it.
    pub works: usize,
}

/// What is to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// The arms, each as often.
    pub arms: &'a [String],
    /// Pieces of work of each arm, at most.
    pub per_arm: usize,
    /// The seed of the draw.
    pub seed: u64,
}

/// Columns of the table; people fill in `human`.
const COLUMNS: [&str; 7] = [
    "item",
    "criterion",
    "text",
    "brief",
    "calls",
    "answer",
    "human",
];

/// Draws pieces of work of a finished run: the same tasks and repeats for every arm, in an order that tells nothing. The key
/// tells of all that was judged, drawn or not, so that rates are those of the whole run.
///
/// # Errors
/// An arm was not replayed, nothing was judged, or a transcript cannot be had.
pub async fn draw(
    finished: &Finished,
    draw: &Draw<'_>,
    (judge, library): (&Digest, Option<&Library>),
) -> Result<Blind> {
    let judged = judged(finished, draw.arms)?;
    let (drawn, left) = drawn(&judged, draw);
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for (number, one) in drawn.iter().enumerate() {
        let item = format!("w{:03}", number + 1);
        let session = finished.bench.told(one.trial, one.record, library).await?;
        for criterion in one.task.grader.judged() {
            let shown = shown(finished, one, criterion, &session);
            let texts = [
                item.clone(),
                criterion.name.clone(),
                safe(&criterion.text),
                safe(&shown.task),
                safe(&shown.calls.unwrap_or_default()),
                safe(&shown.answer.unwrap_or_default()),
                String::new(),
            ];
            rows.push(texts.to_vec());
        }
        keys.extend(told(finished, one, &item, judge));
    }
    for (number, one) in left.iter().enumerate() {
        keys.extend(told(finished, one, &format!("u{:03}", number + 1), judge));
    }
    Ok(Blind {
        table: write_sheet(&COLUMNS, &rows)?,
        key: write_sheet(&KEY, &keys)?,
        works: drawn.len(),
    })
}

/// A trial that was judged.
#[derive(Debug, Clone, Copy)]
struct Judged<'a> {
    trial: &'a PlannedTrial,
    record: &'a Record,
    task: &'a Task,
    grade: &'a Grade,
}

/// The trials of tasks with a rubric under these arms, at the headline budget, as far as they were graded.
fn judged<'a>(finished: &'a Finished, arms: &[String]) -> Result<Vec<Judged<'a>>> {
    let bench = &finished.bench;
    let names: Vec<String> = bench.arms.iter().map(|it| it.name.to_string()).collect();
    if let Some(stranger) = arms.iter().find(|it| !names.contains(it)) {
        let known = names.iter().map(String::as_str);
        return Err(Error::usage(format!("this run has no arm `{stranger}`"))
            .mend(did_you_mean(stranger, "arms", known)));
    }
    let all = finished.trials.iter().zip(&finished.records);
    let graded = all.filter_map(|(trial, record)| match &record.outcome {
        Outcome::Broken(_) => None,
        Outcome::Graded(grade) => Some(Judged {
            trial,
            record,
            task: &bench.suite.tasks[trial.task as usize],
            grade,
        }),
    });
    let judged: Vec<Judged<'_>> = graded
        .filter(|it| it.trial.is_of_arm() && it.trial.is_headline)
        .filter(|it| arms.contains(&bench.arm_word(it.trial)))
        .filter(|it| !it.task.grader.judged().is_empty())
        .collect();
    match judged.is_empty() {
        false => Ok(judged),
        true => Err(
            Error::usage("no trial of these arms was judged by a rubric")
                .mend("name a run of a suite with `grade.rubric`, or other `--arms`"),
        ),
    }
}

/// Those drawn, in the order they are shown, and those that were not.
fn drawn<'a>(judged: &[Judged<'a>], draw: &Draw<'_>) -> (Vec<Judged<'a>>, Vec<Judged<'a>>) {
    let place = |it: &Judged<'_>| (it.trial.task, it.trial.repeat);
    let places: BTreeSet<(u32, u32)> = judged.iter().map(place).collect();
    let places: Vec<(u32, u32)> = places.into_iter().collect();
    let key = Key::root(draw.seed).word("labels");
    let order = key.word("which").permutation(places.len()).into_iter();
    let chosen: BTreeSet<(u32, u32)> = order.take(draw.per_arm).map(|it| places[it]).collect();
    let (drawn, left): (Vec<Judged<'a>>, Vec<Judged<'a>>) =
        judged.iter().partition(|it| chosen.contains(&place(it)));
    let order = key.word("order").permutation(drawn.len()).into_iter();
    (order.map(|it| drawn[it]).collect(), left)
}

/// The rows of the key about one trial.
fn told(finished: &Finished, one: &Judged<'_>, item: &str, judge: &Digest) -> Vec<Vec<String>> {
    let (arm, task) = (finished.bench.arm_word(one.trial), one.task.id.as_str());
    let found = |name: &str| {
        let found = one.grade.criteria.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, met)| word(*met))
    };
    let judge = judge.to_string();
    let row = |criterion: &&Criterion| {
        let of = format!("{task}-{}", one.trial.repeat);
        let name = criterion.name.as_str();
        let cells = [item, name, &of, task, &arm, found(name), judge.as_str()];
        cells.map(str::to_owned).to_vec()
    };
    one.task.grader.judged().iter().map(row).collect()
}

fn shown(finished: &Finished, one: &Judged<'_>, criterion: &Criterion, session: &Session) -> Shown {
    let bench = &finished.bench;
    let arm = &bench.arms[usize::from(one.trial.arm)];
    let given = bench.given_indices(one.trial, arm).into_iter();
    let notes = given.map(|it| arm.learnings[usize::from(it)].text.as_str());
    let answer = session.events.iter().rev().find_map(said);
    let work = (answer.as_deref(), session.events.as_slice());
    Shown::without(notes.collect(), criterion, &one.task.brief, work)
}

/// The words of a message of the agent: the last one is its answer.
fn said(event: &Value) -> Option<String> {
    if event.get("type").and_then(Value::as_str) != Some("agent.message") {
        return None;
    }
    let parts = event.get("content")?.as_array()?;
    let texts = parts.iter().filter_map(|it| it.get("text")?.as_str());
    Some(texts.collect::<Vec<_>>().join("\n"))
}

/// A cell no spreadsheet takes for a formula.
fn safe(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!(" {text}"),
        false => text.to_owned(),
    }
}
