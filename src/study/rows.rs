//! Records become the rows all analysis reads.

use std::sync::Arc;

use crate::{
    domain::{
        id::{ArmName, Digest, LearningId},
        trial::{Outcome, TrialRow},
    },
    runner::{
        bench::{Arm, Bench},
        journal::Record,
        plan::{Lane, PlannedTrial},
    },
};

/// One row per replayed trial, in plan order.
pub fn rows(
    bench: &Bench,
    run: &Digest,
    trials: &[PlannedTrial],
    records: &[Record],
) -> Vec<TrialRow> {
    let words = Words::of(bench, run);
    trials
        .iter()
        .zip(records)
        .map(|(trial, record)| row(bench, &words, trial, record))
        .collect()
}

/// What many rows say alike, written once.
struct Words {
    run: Arc<str>,
    suite: Arc<str>,
    agent: Arc<str>,
    model: Arc<str>,
    foldover: ArmName,
    canary: ArmName,
    tasks: Vec<TaskWords>,
    /// The digest of each arm's store.
    stores: Vec<Arc<str>>,
}

struct TaskWords {
    role: Arc<str>,
    split: Arc<str>,
    grader: Arc<str>,
}

impl Words {
    fn of(bench: &Bench, run: &Digest) -> Self {
        let tasks = bench.suite.tasks.iter().map(|task| TaskWords {
            role: task.brief.role.as_str().into(),
            split: task.split.word().into(),
            grader: task.grader_digest.to_string().into(),
        });
        let stores = bench.arms.iter().map(|arm| arm.digest.to_string().into());
        Self {
            run: run.to_string().into(),
            suite: bench.suite.name.as_str().into(),
            agent: bench.agent_name.as_str().into(),
            model: bench.agent.model().into(),
            foldover: ArmName::new("foldover"),
            canary: ArmName::new("canary"),
            tasks: tasks.collect(),
            stores: stores.collect(),
        }
    }
}

fn row(bench: &Bench, words: &Words, trial: &PlannedTrial, record: &Record) -> TrialRow {
    let task = &bench.suite.tasks[trial.task as usize];
    let arm = &bench.arms[usize::from(trial.arm)];
    let of_task = &words.tasks[trial.task as usize];
    let ids = |indices: &[u16]| named(arm, indices);
    let shown = |places: &[u16]| {
        let learnings = bench.named(trial, arm, places).into_iter();
        learnings.map(|it| it.id.clone()).collect()
    };
    let eligible = &arm.eligible[trial.task as usize];
    let all = || arm.learnings.iter().map(|it| it.id.clone()).collect();
    let given: Vec<LearningId> = trial.subset.as_ref().map_or_else(all, |it| ids(it));
    let (grade, broken) = match &record.outcome {
        Outcome::Graded(grade) => (Some(grade), None),
        Outcome::Broken(fault) => (None, Some(fault.clone())),
    };
    TrialRow {
        run: Arc::clone(&words.run),
        suite: Arc::clone(&words.suite),
        task: task.id.clone(),
        family: task.family.clone(),
        role: Arc::clone(&of_task.role),
        split: Arc::clone(&of_task.split),
        repeat: trial.repeat,
        seed: Some(bench.seed),
        arm: match trial.lane {
            Lane::Foldover => words.foldover.clone(),
            Lane::Canary => words.canary.clone(),
            Lane::Practice | Lane::Arms | Lane::Own => arm.name.clone(),
        },
        budget: (!trial.is_headline).then_some(trial.steps),
        pair: trial.pair.map(|(pair, _)| pair),
        half: trial.pair.map(|(_, half)| half),
        memory_digest: Arc::clone(&words.stores[usize::from(trial.arm)]),
        learnings: given,
        completed: grade.map(|it| it.completed),
        score: grade.map(|it| it.score),
        violations: grade.map(|it| u32::try_from(it.violations.len()).unwrap_or(u32::MAX)),
        stop: record.stop,
        broken,
        criteria: grade.map_or_else(Arc::default, |it| Arc::clone(&it.criteria)),
        usage: record.usage,
        judge: record.judge,
        eligible: ids(eligible),
        surfaced: shown(&record.surfaced),
        opened: shown(&record.opened),
        followed: shown(&record.followed),
        agent: Arc::clone(&words.agent),
        model: Arc::clone(&words.model),
        grader_digest: Arc::clone(&of_task.grader),
        transcript: record
            .transcript
            .map_or_else(Arc::default, |it| it.to_string().into()),
    }
}

fn named(arm: &Arm, indices: &[u16]) -> Vec<LearningId> {
    indices
        .iter()
        .filter_map(|index| arm.learnings.get(usize::from(*index)))
        .map(|learning| learning.id.clone())
        .collect()
}
