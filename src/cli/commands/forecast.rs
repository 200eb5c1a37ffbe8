//! `run --plan`: what would be played, told before anything is spent.

use std::{ops::Range, sync::Arc};

use serde_json::json;

use crate::{
    cli::commands::reach::names_model,
    domain::{
        id::ArmName,
        memory::Store,
        session::{Session, SessionStart},
        task::{Split, Task},
    },
    error::{Error, Result, count, dollars},
    formats::memory::learnings,
    runner::{bench::Bench, plan::PlannedTrial},
    study::{
        asked::Asked,
        plan::{Amount, Roster, practice, replay},
    },
};

/// What a guess takes for granted: calls of a quick session, characters of a call with its result.
const FEW_CALLS: u32 = 4;
const CHARACTERS_OF_A_CALL: usize = 300;

/// What a run would play.
///
/// # Errors
/// A brief does not fit its world.
pub fn tell(asked: &Asked) -> Result<String> {
    let suite = &asked.suite;
    let mut bench = Bench::new(Arc::clone(suite), Arc::clone(&asked.agent), asked.seed)?;
    let stored = suite.memory.clone();
    let read = learnings(&stored);
    let arm = bench.add_arm(ArmName::new("stored"), stored, read)?;
    let practised = practice(suite, &asked.amount, arm, asked.seed);
    let practice = if asked.memory.is_none() && asked.wants("dreamed") {
        practised.len()
    } else {
        0
    };
    let tests = suite.split(Split::Test).count();
    let arms = arms_played(asked);
    let headline = tests * arms * asked.amount.repeats as usize;
    let sweep = tests * sweep_of_a_task(asked);
    let halves = if asked.wants("dreamed") {
        2 * asked.amount.pairs as usize
    } else {
        0
    };
    let lines = [
        format!(
            "{} with {}, seed {}",
            suite.name,
            asked.agent.name(),
            asked.seed
        ),
        format!("practice   {}", count(practice, "trial")),
        format!(
            "arms       {}: {} × {} × {}",
            count(headline, "trial"),
            count(tests, "task"),
            count(arms, "arm"),
            count(asked.amount.repeats as usize, "repeat")
        ),
        format!("budgets    {}", count(sweep, "trial")),
        format!(
            "foldover   {}: {}",
            count(halves, "trial"),
            count(asked.amount.pairs as usize, "pair")
        ),
        format!(
            "in all     {}{}",
            count(practice + headline + sweep + halves, "trial"),
            canaries(asked)
        ),
        cost(
            asked,
            &bench,
            &sample(asked, &bench, arm),
            practice + headline + sweep + halves,
        ),
        format!(
            "smallest difference between two arms it would see: about {:.0} points ({}, 80 % power, two-sided 5 %)",
            100.0 * smallest_visible(tests, asked.amount.repeats),
            count(tests, "task")
        ),
    ];
    Ok(lines.join("\n"))
}

/// Refuses a bound on the cost where a model has no price, before anything is spent.
///
/// # Errors
/// It has none.
pub fn check_priced(asked: &Asked) -> Result<()> {
    let suite = &asked.suite;
    let mut bench = Bench::new(Arc::clone(suite), Arc::clone(&asked.agent), asked.seed)?;
    let arm = bench.add_arm(
        ArmName::new("bare"),
        Store::default(),
        learnings(&Store::default()),
    )?;
    let trials = sample(asked, &bench, arm);
    let is_model = names_model(&asked.typed.agent);
    let is_unpriced = is_model && of_a_trial(&bench, &trials).is_none();
    let judge = asked.typed.judge.as_deref();
    let has_dream = asked.memory.is_none() && asked.wants("dreamed");
    let dreamer = Some(asked.typed.dreamer.as_str());
    let unpriced = match is_unpriced {
        true => Some(asked.typed.agent.as_str()),
        false => judge
            .filter(|_| of_judging(asked, &trials).is_none())
            .or(dreamer.filter(|_| has_dream && !asked.dreamer.is_priced())),
    };
    match unpriced {
        None => Ok(()),
        Some(word) => Err(Error::usage(format!(
            "`{word}` has no price here, so `--max-cost` cannot be kept"
        ))
        .mend("is it spelt as its provider has it? give it a price by `--models FILE`, or leave out `--max-cost`")),
    }
}

/// One trial of each test task under this arm, for what a trial may come to: most trials are such.
fn sample(asked: &Asked, bench: &Bench, arm: u16) -> Vec<PlannedTrial> {
    let roster = Roster {
        replayed: vec![arm],
        swept: Vec::new(),
        attributed: None,
    };
    let once = Amount {
        repeats: 1,
        pairs: 0,
        ..asked.amount
    };
    replay(&asked.suite, &bench.arms, &roster, &once, asked.seed)
}

/// Dollars one trial may come to, as the mean over these.
fn of_a_trial(bench: &Bench, trials: &[PlannedTrial]) -> Option<Range<f64>> {
    mean(trials.iter().map(|it| bench.forecast(it)))
}

/// Dollars it may cost to judge one trial, as the mean over these; nothing without a judge.
fn of_judging(asked: &Asked, trials: &[PlannedTrial]) -> Option<Range<f64>> {
    let Some(judge) = &asked.judge else {
        return Some(0.0..0.0);
    };
    let tasks = trials.iter().map(|it| &asked.suite.tasks[it.task as usize]);
    mean(tasks.map(|it| judge.forecast(it)))
}

/// Dollars the dream may cost, from sessions of few calls to sessions that take every step.
fn of_the_dream(asked: &Asked) -> Option<Range<f64>> {
    let of = |calls: &dyn Fn(u32) -> u32| {
        let tasks = asked.suite.split(Split::Practice);
        let sessions: Vec<Session> = tasks
            .map(|(_, task)| likely(task, calls(task.brief.limits.steps)))
            .collect();
        let repeats = asked.amount.practice_repeats as usize;
        asked
            .dreamer
            .forecast(&vec![sessions; repeats].concat(), &asked.suite.memory)
    };
    Some(of(&|steps| steps.min(FEW_CALLS))?.start..of(&|steps| steps)?.end)
}

/// A session of so many calls, as long as one may be.
fn likely(task: &Task, calls: u32) -> Session {
    let said = |kind: &str, text: &str| json!({"type": kind, "content": text});
    let call = said("agent.message", &"x".repeat(CHARACTERS_OF_A_CALL));
    let mut events = vec![said("user.message", &task.brief.prompt)];
    events.extend(vec![call; calls as usize]);
    let start = SessionStart {
        session: String::new(),
        task: task.id.to_string(),
        role: String::new(),
        arm: String::new(),
        agent: String::new(),
        setup: Vec::new(),
    };
    Session {
        start,
        events,
        outcome: None,
    }
}

/// The mean of both ends; `None` where there is nothing, or any part is unknown.
fn mean(parts: impl ExactSizeIterator<Item = Option<Range<f64>>>) -> Option<Range<f64>> {
    let count = parts.len() as f64;
    let sum = parts
        .into_iter()
        .try_fold(0.0..0.0, |sum: Range<f64>, it| {
            it.map(|it| sum.start + it.start..sum.end + it.end)
        })?;
    (0.0 < count).then(|| sum.start / count..sum.end / count)
}

/// What is known of the cost before anything is played.
fn cost(asked: &Asked, bench: &Bench, sample: &[PlannedTrial], trials: usize) -> String {
    let is_free = asked.agent.is_repeatable();
    let all = |one: Range<f64>| one.start * trials as f64..one.end * trials as f64;
    let agent = match is_free {
        true => Some(0.0..0.0),
        false => of_a_trial(bench, sample).map(all),
    };
    let judge = of_judging(asked, sample).map(all);
    let has_dream =
        asked.memory.is_none() && asked.wants("dreamed") && !asked.dreamer.is_repeatable();
    let mut told = match (is_free && asked.judge.is_none(), agent, judge) {
        (true, ..) => {
            "cost       0 dollars: the embedded agents need no key and no network".to_owned()
        }
        (_, None, _) if names_model(&asked.typed.agent) => format!(
            "cost       not known: `{}` has no price here; give it one by `--models FILE`",
            asked.typed.agent
        ),
        (_, None, _) => {
            "cost       not known: what the agent spends in each trial is known once it says so"
                .to_owned()
        }
        (_, _, None) => {
            "cost       not known: what the judge spends on each trial is known once it says so"
                .to_owned()
        }
        (_, Some(agent), Some(judge)) => {
            let mut told = format!(
                "cost       about {} where each trial takes few turns, {} where it takes every step, before what \
                 caches save; `--max-cost` bounds it",
                dollars(agent.start + judge.start),
                dollars(agent.end + judge.end)
            );
            if asked.judge.is_some() {
                told.push_str(&format!(
                    "\n           of it the judge {} where its votes agree, {} where they do not",
                    dollars(judge.start),
                    dollars(judge.end)
                ));
            }
            told
        }
    };
    if has_dream {
        told.push_str("\n           ");
        told.push_str(&match of_the_dream(asked) {
            Some(cost) => format!(
                "the dream about {} to {} on top; it is told again once the sessions are there to read",
                dollars(cost.start),
                dollars(cost.end)
            ),
            None => "what the dream costs comes on top; nobody can say before it is dreamt".to_owned(),
        });
    }
    told
}

/// `, and those of 4 canary tasks`: how many learnings are eligible there is not known before the dream.
fn canaries(asked: &Asked) -> String {
    match asked.suite.split(Split::Canary).count() {
        0 => String::new(),
        _ if !asked.wants("dreamed") => String::new(),
        tasks => format!(
            ", and those of {}: without memory, under each learning eligible there, under all",
            count(tasks, "canary task")
        ),
    }
}

/// Arms that are replayed: only a world has remedies, and facts to say again.
fn arms_played(asked: &Asked) -> usize {
    let has_world = asked.suite.world().is_some();
    let is_played = |it: &&String| has_world || !["placebo", "oracle"].contains(&it.as_str());
    asked.arms.iter().filter(is_played).count() + asked.extra.len()
}

/// Trials at other budgets for each test task.
fn sweep_of_a_task(asked: &Asked) -> usize {
    if !asked.amount.sweeps {
        return 0;
    }
    let is_swept = |arm: &&String| ["bare", "dreamed", "placebo"].contains(&arm.as_str());
    let headline = asked.suite.limits.steps;
    let budgets = asked.suite.sweep_steps.iter().filter(|it| **it != headline);
    asked.arms.iter().filter(is_swept).count() * budgets.count()
}

/// Smallest true difference seen with 80 % power at two-sided 5 %, with no coupling and rates near a half.
///
/// A rate from 0 to 1. (z₀.₉₇₅ + z₀.₈)·√((ω² + σ²/n)/T) with σ² = 0.46 and ω² = 0.02, the typical values of
/// statistics.md 1.9 for T tasks of n pairs.
fn smallest_visible(tasks: usize, repeats: u32) -> f64 {
    let variance = 0.02 + 0.46 / f64::from(repeats.max(1));
    (1.959_964 + 0.841_621) * (variance / tasks.max(1) as f64).sqrt()
}
