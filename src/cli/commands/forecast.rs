//! `run --plan`: what would be played, told before anything is spent.

use std::sync::Arc;

use crate::{
    domain::{id::ArmName, task::Split},
    error::{Result, count},
    formats::memory::learnings,
    runner::bench::Bench,
    study::{asked::Asked, plan::practice},
};

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
    let practice = if asked.memory.is_none() && asked.wants("dreamed") {
        practice(suite, &asked.amount, arm, asked.seed).len()
    } else {
        0
    };
    let tests = suite.split(Split::Test).count();
    let arms = asked.arms.len() + asked.extra.len();
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
        cost(asked).to_owned(),
        format!(
            "smallest difference between two arms it would see: about {:.0} points ({}, 80 % power, two-sided 5 %)",
            100.0 * smallest_visible(tests, asked.amount.repeats),
            count(tests, "task")
        ),
    ];
    Ok(lines.join("\n"))
}

/// What is known of the cost before anything is played.
fn cost(asked: &Asked) -> &'static str {
    match asked.agent.is_repeatable() {
        true if asked.judge.is_some() => {
            "cost       not known: what the judge spends on each trial is known once it says so"
        }
        true => "cost       0 dollars: the embedded agents need no key and no network",
        false => {
            "cost       not known: what the agent spends in each trial is known once it says so"
        }
    }
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

/// Trials at other budgets for each test task.
fn sweep_of_a_task(asked: &Asked) -> usize {
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
