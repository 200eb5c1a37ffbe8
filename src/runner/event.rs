//! What a run tells its observers; the only thing they get.

use std::ops::Range;

use crate::{
    hosted::Ended,
    runner::{
        journal::Record,
        plan::{PlannedTrial, Stage},
    },
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A stage begins; some of its trials may be in the journal already.
    StageBegan {
        /// The stage, where it has any trial.
        stage: Option<Stage>,
        /// Trials in it.
        planned: usize,
        /// Trials taken from the journal.
        resumed: usize,
        /// Names of the arms, by index.
        arms: Vec<String>,
    },
    /// Trials of the stage are taken from earlier runs.
    Reused {
        /// How many.
        trials: usize,
    },
    /// A trial is committed.
    Committed {
        /// Index of its arm.
        arm: u16,
        /// Whether it counts for its arm: neither half of a foldover pair nor a canary.
        is_of_arm: bool,
        /// Whether it was completed; `None` where it broke.
        completed: Option<bool>,
        /// Dollars it cost, where that is known.
        cost_usd: Option<f64>,
    },
    /// A stage is over.
    StageEnded {
        /// The stage, where it had any trial.
        stage: Option<Stage>,
    },
    /// A dream that costs something begins.
    Dreaming {
        /// Sessions there are to read.
        sessions: usize,
        /// Dollars it may cost, where that can be said.
        cost: Option<Range<f64>>,
    },
    /// The dream is over.
    Dreamed {
        /// Sessions it read.
        sessions: usize,
        /// Learnings it left.
        learnings: usize,
    },
    /// What was made on the managed-agents platform is removed, as far as it could be.
    Tidied(Ended),
}

impl Event {
    /// The event of a committed trial.
    pub fn committed(trial: &PlannedTrial, record: &Record) -> Self {
        Self::Committed {
            arm: trial.arm,
            is_of_arm: trial.is_of_arm(),
            completed: record.outcome.completed(),
            cost_usd: record.usage.and_then(|usage| usage.cost_usd),
        }
    }
}
