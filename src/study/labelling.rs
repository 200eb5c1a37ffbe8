//! Pieces of a run's work for people to label: blind to arm and judge, and a key that tells both.

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
    runner::{
        journal::Record,
        plan::{PlannedTrial, Stage},
        transcripts::Library,
    },
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

/// Draws pieces of work of a finished run: the same tasks and repeats for every arm, in an order that tells nothing.
///
/// # Errors
/// An arm was not replayed, nothing was judged, or a transcript cannot be had.
pub async fn draw(
    finished: &Finished,
    draw: &Draw<'_>,
    (judge, library): (&Digest, Option<&Library>),
) -> Result<Blind> {
    let chosen = chosen(finished, draw)?;
    let key = Key::root(draw.seed).word("labels");
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for (number, place) in key
        .word("order")
        .permutation(chosen.len())
        .into_iter()
        .enumerate()
    {
        let (trial, record, grade) = chosen[place];
        let task = &finished.bench.suite.tasks[trial.task as usize];
        let session = finished.bench.told(trial, record, library).await?;
        let item = format!("w{:03}", number + 1);
        for criterion in task.grader.judged() {
            let shown = shown(finished, trial, (task, criterion), &session);
            let answer = safe(&shown.answer.unwrap_or_default());
            let calls = safe(&shown.calls.unwrap_or_default());
            let texts = [safe(&criterion.text), safe(&shown.task), calls, answer];
            let named = [item.clone(), criterion.name.clone()].into_iter();
            rows.push(
                named
                    .clone()
                    .chain(texts)
                    .chain([String::new()])
                    .collect::<Vec<String>>(),
            );
            let found = grade
                .criteria
                .iter()
                .find(|(name, _)| *name == criterion.name);
            let found = found.map_or("", |(_, met)| word(*met)).to_owned();
            let arm = finished.bench.arm_word(trial);
            let of = format!("{}-{}", task.id, trial.repeat);
            keys.push(
                named
                    .chain([of, arm, found, judge.to_string()])
                    .collect::<Vec<String>>(),
            );
        }
    }
    Ok(Blind {
        table: write_sheet(&COLUMNS, &rows)?,
        key: write_sheet(&KEY, &keys)?,
        works: chosen.len(),
    })
}

type Judged<'a> = (&'a PlannedTrial, &'a Record, &'a Grade);

/// The trials drawn: of tasks with a rubric, at the headline budget, graded.
fn chosen<'a>(finished: &'a Finished, draw: &Draw<'_>) -> Result<Vec<Judged<'a>>> {
    let bench = &finished.bench;
    let names: Vec<String> = bench.arms.iter().map(|it| it.name.to_string()).collect();
    if let Some(stranger) = draw.arms.iter().find(|it| !names.contains(it)) {
        return Err(
            Error::usage(format!("this run has no arm `{stranger}`")).mend(did_you_mean(
                stranger,
                "arms",
                names.iter().map(String::as_str),
            )),
        );
    }
    let all = finished.trials.iter().zip(&finished.records);
    let judged: Vec<Judged<'_>> = all
        .filter(|(trial, _)| trial.stage == Stage::Replay && trial.is_of_arm() && trial.is_headline)
        .filter(|(trial, _)| {
            !bench.suite.tasks[trial.task as usize]
                .grader
                .judged()
                .is_empty()
        })
        .filter(|(trial, _)| draw.arms.contains(&bench.arm_word(trial)))
        .filter_map(|(trial, record)| match &record.outcome {
            Outcome::Graded(grade) => Some((trial, record, grade)),
            Outcome::Broken(_) => None,
        })
        .collect();
    let mut places: Vec<(u32, u32)> = judged.iter().map(|(it, ..)| (it.task, it.repeat)).collect();
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Err(
            Error::usage("no trial of these arms was judged by a rubric")
                .mend("name a run of a suite with `grade.rubric`, or other `--arms`"),
        );
    }
    let order = Key::root(draw.seed)
        .word("labels")
        .word("which")
        .permutation(places.len());
    let drawn: Vec<(u32, u32)> = order
        .into_iter()
        .take(draw.per_arm)
        .map(|it| places[it])
        .collect();
    let is_drawn = |it: &Judged<'_>| drawn.contains(&(it.0.task, it.0.repeat));
    Ok(judged.into_iter().filter(is_drawn).collect())
}

fn shown(
    finished: &Finished,
    trial: &PlannedTrial,
    (task, criterion): (&Task, &Criterion),
    session: &Session,
) -> Shown {
    let bench = &finished.bench;
    let arm = &bench.arms[usize::from(trial.arm)];
    let given = bench.given_indices(trial, arm).into_iter();
    let notes = given.map(|it| arm.learnings[usize::from(it)].text.as_str());
    let answer = session.events.iter().rev().find_map(said);
    let work = (answer.as_deref(), session.events.as_slice());
    Shown::without(notes.collect(), criterion, &task.brief, work)
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
