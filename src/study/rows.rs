//! Records become the rows all analysis reads.

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
    trials
        .iter()
        .zip(records)
        .map(|(trial, record)| row(bench, run, trial, record))
        .collect()
}

fn row(bench: &Bench, run: &Digest, trial: &PlannedTrial, record: &Record) -> TrialRow {
    let task = &bench.suite.tasks[trial.task as usize];
    let arm = &bench.arms[usize::from(trial.arm)];
    let ids = |indices: &[u16]| named(arm, indices);
    let shown = |places: &[u16]| {
        let learnings = bench.named(trial, arm, places).into_iter();
        learnings.map(|it| it.id.clone()).collect()
    };
    let eligible = &arm.eligible[trial.task as usize];
    let all = || arm.learnings.iter().map(|it| it.id.clone()).collect();
    let given: Vec<LearningId> = trial.subset.as_ref().map_or_else(all, |it| ids(it));
    let (completed, score, violations, criteria, broken) = match &record.outcome {
        Outcome::Graded(grade) => (
            Some(grade.completed),
            Some(grade.score),
            Some(u32::try_from(grade.violations.len()).unwrap_or(u32::MAX)),
            grade.criteria.clone(),
            None,
        ),
        Outcome::Broken(fault) => (None, None, None, Vec::new(), Some(fault.clone())),
    };
    TrialRow {
        run: run.to_string(),
        suite: bench.suite.name.clone(),
        task: task.id.clone(),
        family: task.family.clone(),
        role: task.brief.role.clone(),
        split: task.split.word().to_owned(),
        repeat: trial.repeat,
        seed: Some(bench.seed),
        arm: match trial.lane {
            Lane::Foldover => ArmName::new("foldover"),
            Lane::Canary => ArmName::new("canary"),
            Lane::Practice | Lane::Arms | Lane::Own => arm.name.clone(),
        },
        budget: (!trial.is_headline).then_some(trial.steps),
        pair: trial.pair.map(|(pair, _)| pair),
        half: trial.pair.map(|(_, half)| half),
        memory_digest: arm.digest.to_string(),
        learnings: given,
        completed,
        score,
        violations,
        stop: record.stop,
        broken,
        criteria,
        usage: record.usage,
        judge: record.judge,
        eligible: ids(eligible),
        surfaced: shown(&record.surfaced),
        opened: shown(&record.opened),
        followed: shown(&record.followed),
        agent: bench.agent_name.clone(),
        model: bench.agent.model(),
        grader_digest: task.grader_digest.to_string(),
        transcript: record
            .transcript
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn named(arm: &Arm, indices: &[u16]) -> Vec<LearningId> {
    indices
        .iter()
        .filter_map(|index| arm.learnings.get(usize::from(*index)))
        .map(|learning| learning.id.clone())
        .collect()
}
