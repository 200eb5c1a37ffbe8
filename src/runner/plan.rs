//! What is to be played: pure data, decided before anything runs.

use serde::{Deserialize, Serialize};

use crate::{domain::trial::Half, draw::Key};

/// The two stages of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Practice tasks, whose sessions a dream reads.
    Practice,
    /// Test tasks under every arm.
    Replay,
}

impl Stage {
    /// The word used in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Practice => "practice",
            Stage::Replay => "replay",
        }
    }
}

/// One trial to be played.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// Its stage.
    pub stage: Stage,
    /// Its number within the stage, from 0.
    pub number: u32,
    /// Index of the task in the suite.
    pub task: u32,
    /// Index of the arm in the bench.
    pub arm: u16,
    /// Counts from 0 within task and arm.
    pub repeat: u32,
    /// Tool calls allowed.
    pub steps: u32,
    /// Whether `steps` is the headline budget.
    pub is_headline: bool,
    /// Draws are shared by trials of the same task, repeat and lane.
    pub lane: Lane,
    /// The foldover pair and half.
    pub pair: Option<(u32, Half)>,
    /// The learnings given, by index in the arm's store; `None` means all of them.
    pub subset: Option<Vec<u16>>,
    /// Whether its transcript is kept.
    pub keeps_transcript: bool,
}

/// Which trials share their luck and their prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Practice.
    Practice,
    /// Every arm of a comparison.
    Arms,
    /// The halves of foldover pairs.
    Foldover,
    /// Canary tasks.
    Canary,
    /// A lane of an arm's own, for A/A runs.
    Own,
}

impl PlannedTrial {
    /// Whether it counts for its arm: attribution and canaries only borrow an arm's store.
    pub fn is_of_arm(&self) -> bool {
        match self.lane {
            Lane::Practice | Lane::Arms | Lane::Own => true,
            Lane::Foldover | Lane::Canary => false,
        }
    }

    /// The address of everything this trial draws.
    pub fn key(&self, seed: u64, task: &str, arm: &str) -> Key {
        let key = Key::root(seed).word(task).number(u64::from(self.repeat));
        match self.lane {
            Lane::Practice => key.word("practice"),
            Lane::Arms => key.word("arms"),
            Lane::Foldover => key.word("foldover"),
            Lane::Canary => key.word("canary"),
            Lane::Own => key.word("own").word(arm),
        }
    }

    /// An address below `key` that no other trial of the plan has, for agents whose luck nobody can couple.
    pub fn own_key(&self, key: Key, arm: &str) -> Key {
        let key = key.word("trial").word(arm).number(u64::from(self.steps));
        let key = self.pair.map_or(key, |(pair, half)| {
            key.number(u64::from(pair)).number(half as u64)
        });
        let subset = self.subset.iter().flatten();
        subset.fold(key, |key, learning| key.number(u64::from(*learning)))
    }
}

/// Numbers trials from 0 and interleaves arms: within a repeat, tasks follow each other and each task's arms stand
/// side by side, in an order drawn per task. Canaries come last.
pub fn interleave(mut trials: Vec<PlannedTrial>, seed: u64) -> Vec<PlannedTrial> {
    let order = |trial: &PlannedTrial| {
        let key = Key::root(seed)
            .word("order")
            .number(u64::from(trial.task))
            .number(u64::from(trial.repeat));
        let half = trial
            .pair
            .map_or(0, |(_, half)| u64::from(half == Half::Complement));
        key.draw(u64::from(trial.arm) * 2 + half)
    };
    trials.sort_by_key(|trial| {
        let pair = trial.pair.map(|(pair, _)| pair);
        (
            trial.lane == Lane::Canary,
            pair.is_some(),
            !trial.is_headline,
            pair,
            trial.repeat,
            trial.task,
            trial.steps,
            order(trial),
        )
    });
    for (number, trial) in (0..).zip(&mut trials) {
        trial.number = number;
    }
    trials
}
