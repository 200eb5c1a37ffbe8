//! Pairs of transcripts worth reading: one task, one seed, with and without the memory.

use serde_json::Value;

use crate::{
    domain::session::Session,
    error::Result,
    report::{inputs::TranscriptPair, page::Step},
    runner::{bench::Bench, journal::Record, plan::PlannedTrial, transcripts::Library},
};

/// Most pairs shown, and most steps shown of each side from where they part.
const MOST_PAIRS: usize = 2;
const MOST_STEPS: usize = 12;

/// The first tasks the candidate completed and the baseline did not, at most one a family, with their transcripts.
///
/// # Errors
/// A transcript is lost, or a trial cannot be played again.
pub async fn pairs(
    bench: &Bench,
    trials: &[PlannedTrial],
    records: &[Record],
    (baseline, candidate): (u16, u16),
    library: Option<&Library>,
) -> Result<Vec<TranscriptPair>> {
    let mut pairs: Vec<TranscriptPair> = Vec::new();
    let mut families = Vec::new();
    let of_arm = |arm: u16| {
        trials
            .iter()
            .zip(records)
            .filter(move |(it, _)| it.arm == arm && it.is_headline && it.is_of_arm())
    };
    for (with, record) in of_arm(candidate).filter(|(_, it)| it.outcome.completed() == Some(true)) {
        let without =
            of_arm(baseline).find(|(it, _)| it.task == with.task && it.repeat == with.repeat);
        let Some((without, other)) = without else {
            continue;
        };
        let task = &bench.suite.tasks[with.task as usize];
        if other.outcome.completed() != Some(false)
            || families.contains(&&task.family)
            || record.followed.is_empty()
        {
            continue;
        }
        families.push(&task.family);
        let one = bench.told(without, other, library).await?;
        let two = bench.told(with, record, library).await?;
        let lines = followed_lines(bench, with, record);
        let pair = align(steps(&one, &[]), steps(&two, &lines));
        pairs.push(TranscriptPair {
            task: task.id.to_string(),
            repeat: with.repeat,
            baseline: bench.arms[usize::from(baseline)].name.to_string(),
            candidate: bench.arms[usize::from(candidate)].name.to_string(),
            baseline_outcome: outcome(&one),
            candidate_outcome: outcome(&two),
            ..pair
        });
        if pairs.len() == MOST_PAIRS {
            break;
        }
    }
    Ok(pairs)
}

fn outcome(session: &Session) -> String {
    match &session.outcome {
        Some(outcome) if outcome.completed => "completed".to_owned(),
        Some(outcome) => {
            let missed: Vec<&str> = outcome
                .criteria
                .iter()
                .filter(|(_, met)| !met)
                .map(|(name, _)| name.as_str())
                .collect();
            format!("not completed; missed: {}", missed.join(", "))
        }
        None => "unknown".to_owned(),
    }
}

/// The followed learnings' texts, to be told beside the step they speak of.
fn followed_lines(bench: &Bench, trial: &PlannedTrial, record: &Record) -> Vec<String> {
    let arm = &bench.arms[usize::from(trial.arm)];
    bench
        .named(trial, arm, &record.followed)
        .into_iter()
        .map(|learning| learning.text.trim().to_owned())
        .collect()
}

fn steps(session: &Session, advice: &[String]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for event in &session.events {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "agent.tool_use" => {
                let name = text("name").to_owned();
                let did = say_call(&name, event.get("input"));
                let followed = advice.iter().find(|line| speaks_of(line, &name, &did));
                steps.push(Step {
                    followed: followed.cloned().unwrap_or_default(),
                    did,
                    came: String::new(),
                    failed: false,
                });
            }
            "agent.tool_result" => {
                if let Some(step) = steps.last_mut() {
                    step.came = text("content").to_owned();
                    step.failed = event.get("is_error").and_then(Value::as_bool) == Some(true);
                }
            }
            _ => {}
        }
    }
    steps
}

/// Whether advice is about this very call: it names the tool right behind `do`, and any value it gives was used.
fn speaks_of(line: &str, tool: &str, did: &str) -> bool {
    let words: Vec<&str> = line
        .split(|it: char| it.is_whitespace() || ",.".contains(it))
        .filter(|it| !it.is_empty())
        .collect();
    let names = words
        .windows(2)
        .any(|pair| pair[0].eq_ignore_ascii_case("do") && pair[1] == tool);
    let mut values = words.iter().filter(|word| word.contains('='));
    names && values.all(|value| did.contains(value))
}

fn say_call(name: &str, input: Option<&Value>) -> String {
    let mut said = name.to_owned();
    let Some(input) = input else {
        return said;
    };
    if let Some(on) = input.get("on").and_then(Value::as_str) {
        said.push_str(&format!(" {on}"));
    }
    for pair in input
        .get("with")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let word = |at: usize| pair.get(at).and_then(Value::as_str).unwrap_or_default();
        said.push_str(&format!(" {}={}", word(0), word(1)));
    }
    said
}

/// What both did alike, then each side from where they part.
fn align(one: Vec<Step>, two: Vec<Step>) -> TranscriptPair {
    let shared = one
        .iter()
        .zip(&two)
        .take_while(|(one, two)| one.did == two.did && one.came == two.came)
        .count();
    let rest = |steps: Vec<Step>| steps.into_iter().skip(shared).take(MOST_STEPS).collect();
    TranscriptPair {
        task: String::new(),
        repeat: 0,
        baseline: String::new(),
        candidate: String::new(),
        shared: one
            .iter()
            .take(shared)
            .map(|it| format!("{} → {}", it.did, it.came))
            .collect(),
        baseline_steps: rest(one),
        baseline_outcome: String::new(),
        candidate_steps: rest(two),
        candidate_outcome: String::new(),
    }
}
