//! Two arms over the same tasks, under a policy for the trials that are missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::outcomes::{Numbering, Outcome};
use crate::domain::id::ArmName;
use crate::domain::trial::{Stop, TrialRow};
use crate::error::{Error, Result};
use crate::statistics::{Cell, PairedTask};

/// What a missing trial counts for: one that broke, or, for the two bounding cases, one that never ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nothing; a task without a graded trial in one of the arms is left out, and listed.
    ExcludeTask,
    /// A broken trial counts as failed in its arm.
    BrokenFails,
    /// A missing trial of the candidate failed and one of the baseline completed.
    WorstCase,
    /// A missing trial of the candidate completed and one of the baseline failed.
    BestCase,
    /// Trials that a limit ended count for nothing either.
    LimitExcluded,
}

impl Policy {
    /// All of them, the default first.
    pub const ALL: [Policy; 5] = [
        Policy::ExcludeTask,
        Policy::BrokenFails,
        Policy::WorstCase,
        Policy::BestCase,
        Policy::LimitExcluded,
    ];

    /// As it is written in evidence and policy files.
    pub fn name(self) -> &'static str {
        match self {
            Policy::ExcludeTask => "exclude-task",
            Policy::BrokenFails => "broken-fails",
            Policy::WorstCase => "worst-case",
            Policy::BestCase => "best-case",
            Policy::LimitExcluded => "limit-excluded",
        }
    }

    /// What a broken trial counts for in the baseline and in the candidate.
    fn broken(self) -> [Option<f64>; 2] {
        match self {
            Policy::ExcludeTask | Policy::LimitExcluded => [None, None],
            Policy::BrokenFails => [Some(0.0), Some(0.0)],
            Policy::WorstCase => [Some(1.0), Some(0.0)],
            Policy::BestCase => [Some(0.0), Some(1.0)],
        }
    }

    /// What stands for an arm that never tried a task.
    fn untried(self) -> [Option<f64>; 2] {
        match self {
            Policy::ExcludeTask | Policy::BrokenFails | Policy::LimitExcluded => [None, None],
            Policy::WorstCase | Policy::BestCase => self.broken(),
        }
    }
}

/// A task under both arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Its name.
    pub task: String,
    /// Its family's name.
    pub family: String,
    /// Its role; empty where it has none, or rows disagree.
    pub role: String,
    /// Its trials.
    pub cells: PairedTask,
}

/// The tasks two arms have in common, in order of first appearance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairing {
    /// Tasks with trials in both arms.
    pub pairs: Vec<Pair>,
    /// Tasks without, by name.
    pub excluded: Vec<String>,
}

impl Pairing {
    /// The cells alone.
    pub fn cells(&self) -> Vec<PairedTask> {
        self.pairs.iter().map(|pair| pair.cells).collect()
    }
}

/// Pairs the trials of `baseline` and `candidate` among `rows` by task.
pub fn pair(rows: &[&TrialRow], arms: [&ArmName; 2], outcome: Outcome, policy: Policy) -> Pairing {
    let mut tasks = Numbering::default();
    let mut families = Numbering::default();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for row in rows {
        let Some(side) = arms.iter().position(|arm| **arm == row.arm) else {
            continue;
        };
        let task = tasks.of(row.task.as_str());
        if task == entries.len() {
            entries.push(Entry::new(row, families.of(row.family.as_str())));
        }
        let entry = &mut entries[task];
        if entry.role != &*row.role {
            entry.role = "";
        }
        entry.values[side].extend(if policy == Policy::LimitExcluded && ended_by_limit(row) {
            None
        } else {
            outcome.value(row).or(policy.broken()[side])
        });
    }
    let mut pairing = Pairing::default();
    for mut entry in entries {
        for (values, untried) in entry.values.iter_mut().zip(policy.untried()) {
            if values.is_empty() {
                values.extend(untried);
            }
        }
        match entry.pair() {
            Some(pair) => pairing.pairs.push(pair),
            None => pairing.excluded.push(entry.task.to_owned()),
        }
    }
    pairing
}

struct Entry<'row> {
    task: &'row str,
    family: &'row str,
    label: usize,
    role: &'row str,
    values: [Vec<f64>; 2],
}

impl<'row> Entry<'row> {
    fn new(row: &'row TrialRow, label: usize) -> Entry<'row> {
        Entry {
            task: row.task.as_str(),
            family: row.family.as_str(),
            label,
            role: &row.role,
            values: [Vec::new(), Vec::new()],
        }
    }

    fn pair(&self) -> Option<Pair> {
        let [baseline, candidate] = &self.values;
        Some(Pair {
            task: self.task.to_owned(),
            family: self.family.to_owned(),
            role: self.role.to_owned(),
            cells: PairedTask {
                baseline: Cell::of_scores(baseline)?,
                candidate: Cell::of_scores(candidate)?,
                family: self.label,
            },
        })
    }
}

/// Whether a limit ended the attempt.
pub fn ended_by_limit(row: &TrialRow) -> bool {
    match row.stop {
        Some(Stop::Steps | Stop::Seconds | Stop::Budget) => true,
        Some(Stop::Finished | Stop::GaveUp) | None => false,
    }
}

/// # Errors
/// Rows of one task were judged by different graders, so that a difference would say nothing of the arms.
pub fn check_graders(rows: &[&TrialRow]) -> Result<()> {
    let mut graders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.grader_digest.is_empty()) {
        graders
            .entry(row.task.as_str())
            .or_default()
            .insert(&row.grader_digest);
    }
    match graders.iter().find(|(_, digests)| 1 < digests.len()) {
        None => Ok(()),
        Some((task, digests)) => {
            let shown: Vec<&str> = digests
                .iter()
                .map(|digest| digest.get(..12).unwrap_or(digest))
                .collect();
            Err(Error::integrity(format!(
                "task `{task}` was judged by different graders ({})",
                shown.join(", ")
            ))
            .mend("grade all of its trials by one grader, or compare only those that one grader judged"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::samples::trial;

    fn pairs(rows: &[TrialRow], policy: Policy) -> (Vec<(f64, f64)>, Vec<String>) {
        let arms = [ArmName::new("x"), ArmName::new("y")];
        let rows: Vec<&TrialRow> = rows.iter().collect();
        let pairing = pair(&rows, [&arms[0], &arms[1]], Outcome::Completed, policy);
        let means = pairing
            .cells()
            .iter()
            .map(|cells| (cells.baseline.mean(), cells.candidate.mean()))
            .collect();
        (means, pairing.excluded)
    }

    fn rows() -> Vec<TrialRow> {
        let limited = TrialRow {
            stop: Some(Stop::Steps),
            ..trial("a", "y", Some(false))
        };
        vec![
            trial("a", "x", Some(true)),
            trial("a", "x", None),
            trial("a", "y", Some(true)),
            limited,
            trial("b", "x", Some(false)),
            trial("b", "y", None),
            trial("c", "y", Some(true)),
        ]
    }

    #[test]
    fn each_policy_counts_missing_trials_its_own_way() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<String>>()
        };
        assert_eq!(
            pairs(&rows(), Policy::ExcludeTask),
            (vec![(1.0, 0.5)], names(&["b", "c"]))
        );
        assert_eq!(
            pairs(&rows(), Policy::BrokenFails),
            (vec![(0.5, 0.5), (0.0, 0.0)], names(&["c"]))
        );
        assert_eq!(
            pairs(&rows(), Policy::WorstCase),
            (vec![(1.0, 0.5), (0.0, 0.0), (1.0, 1.0)], names(&[]))
        );
        assert_eq!(
            pairs(&rows(), Policy::BestCase),
            (vec![(0.5, 0.5), (0.0, 1.0), (0.0, 1.0)], names(&[]))
        );
        assert_eq!(
            pairs(&rows(), Policy::LimitExcluded),
            (vec![(1.0, 1.0)], names(&["b", "c"]))
        );
    }

    #[test]
    fn one_task_is_not_judged_by_two_graders() {
        let judged = |arm: &str, digest: &str| TrialRow {
            grader_digest: digest.into(),
            ..trial("a", arm, Some(true))
        };
        let (one, other) = (judged("x", "aaa"), judged("y", "bbb"));
        let error = check_graders(&[&one, &other]).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Integrity);
        assert!(
            error
                .to_string()
                .starts_with("error: task `a` was judged by different graders (aaa, bbb)")
        );
        assert!(check_graders(&[&one, &one]).is_ok());
    }
}
