//! What a ledger tells of: snapshots, dreams, runs, verdicts, gates, approvals, promotions, roll-backs, redactions, nights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    domain::id::Digest,
    promotion::{
        policy::Policy,
        verdict::{Cause, LearningVerdict, Verdict},
    },
};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Entry {
    /// A store as it stood, its texts kept by digest beside the ledger.
    Snapshot {
        /// Its digest.
        store: Digest,
        /// Learnings in it.
        learnings: u32,
        /// Words in it.
        words: u32,
    },
    /// A dream over sessions and a store.
    Dream {
        /// The run it was part of.
        run: Digest,
        /// The dreamer's name and version.
        dreamer: String,
        /// Sessions read.
        sessions: u32,
        /// Digest of the store it read.
        input: Digest,
        /// Digest of the store it wrote.
        output: Digest,
        /// Changes by what was done, such as `added`.
        changes: BTreeMap<String, u32>,
    },
    /// A run that was evaluated.
    Run {
        /// Its fingerprint.
        run: Digest,
        /// The suite.
        suite: String,
        /// The agent.
        agent: String,
        /// The seed of its trials.
        seed: u64,
        /// Digests of everything that affects what was replayed.
        digests: BTreeMap<String, Digest>,
        /// The dream's verdict, in its sentence.
        says: String,
    },
    /// What was decided on each learning, and by which policy.
    Verdicts {
        /// The run.
        run: Digest,
        /// Digest of the suite and agent the learnings were tried with: the key of their error budget.
        tried_with: Digest,
        /// The policy.
        policy: Box<Policy>,
        /// One per learning.
        learnings: Vec<Word>,
    },
    /// A gate's word.
    Gate {
        /// The run.
        run: Digest,
        /// `pass`, `fail` or `inconclusive`.
        word: String,
        /// What the run was held against: an arm, or `baseline` for a file.
        baseline: String,
        /// The policy, with its margins.
        policy: Box<Policy>,
        /// Why, the decisive reason first.
        reasons: Vec<String>,
    },
    /// A person's word on one learning.
    Approval {
        /// The run it rests on.
        run: Digest,
        /// The learning.
        learning: String,
        /// Whether it may be promoted.
        approved: bool,
        /// Who said so.
        by: String,
        /// What saying so means.
        meaning: String,
        /// Why.
        because: String,
    },
    /// The store in force was replaced by what earned it.
    Promotion {
        /// The run it rests on.
        run: Digest,
        /// The store before.
        from: Digest,
        /// The store after.
        to: Digest,
        /// Who promoted.
        by: String,
        /// What became of each learning.
        steps: Vec<Step>,
    },
    /// A store was put back.
    Rollback {
        /// Sequence number of the promotion undone.
        undoes: u64,
        /// The store before.
        from: Digest,
        /// The store after.
        to: Digest,
        /// Who asked for it.
        by: String,
        /// Why.
        because: String,
    },
    /// A change made by hand was taken over: the store as it stands is in force.
    Adoption {
        /// The store before.
        from: Digest,
        /// The store as it stands.
        to: Digest,
        /// Who asked for it.
        by: String,
        /// Why.
        because: String,
    },
    /// A snapshot's texts were erased; the digest stays.
    Redaction {
        /// The store whose texts are gone.
        store: Digest,
        /// Who asked for it.
        by: String,
        /// Why.
        because: String,
    },
    /// A night of `cycle` began or ended.
    Night(Night),
}

/// One unattended pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// Its name, unique in the ledger.
    pub night: String,
    /// The run's folder, as it was named.
    pub folder: String,
    /// The seed of its trials.
    pub seed: u64,
    /// The store it began with.
    pub began_with: Digest,
    /// What came of it; none while it is under way.
    pub ended: Option<NightEnd>,
}

/// What came of a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NightEnd {
    /// `promoted`, `unchanged`, `waiting` or `rolled back`.
    pub word: String,
    /// The exit code it ended with.
    pub exit: u8,
    /// The store in force afterwards.
    pub store: Digest,
    /// Learnings in force afterwards.
    pub learnings: u32,
    /// Learnings added to the store.
    pub added: u32,
    /// Learnings demoted or rejected out of the store.
    pub left: u32,
    /// Completed and graded trials by arm.
    pub rates: BTreeMap<String, [u32; 2]>,
}

/// What was decided on one learning, with the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// The learning.
    pub id: String,
    /// Its title.
    pub name: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why it was not promoted.
    pub cause: Option<Cause>,
    /// The decisive reason.
    pub because: String,
    /// Effect on eligible tasks, −1 to 1.
    pub effect: Option<f64>,
    /// One-sided 95 %.
    pub lower_bound: Option<f64>,
    /// One-sided, for benefit, adjusted.
    pub p_adjusted: Option<f64>,
    /// Foldover pairs.
    pub pairs: u32,
}

/// What became of one learning in a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The learning.
    pub id: String,
    /// Its title.
    pub name: String,
    /// What was done.
    pub done: Done,
    /// Why, in a sentence.
    pub because: String,
}

/// What a promotion does with a learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// It is in force from now on.
    Added,
    /// It was in force and stays.
    Kept,
    /// It was in force and is no more.
    Left,
    /// It earned its place and waits for a person.
    Waits,
    /// It never was in force and is not now.
    Passed,
}

impl Entry {
    /// The kind, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Entry::Snapshot { .. } => "snapshot",
            Entry::Dream { .. } => "dream",
            Entry::Run { .. } => "run",
            Entry::Verdicts { .. } => "verdicts",
            Entry::Gate { .. } => "gate",
            Entry::Approval { .. } => "approval",
            Entry::Promotion { .. } => "promotion",
            Entry::Rollback { .. } => "rollback",
            Entry::Adoption { .. } => "adoption",
            Entry::Redaction { .. } => "redaction",
            Entry::Night(_) => "night",
        }
    }

    /// The stores before and after, where this entry replaced the store in force.
    pub fn replaced(&self) -> Option<(&Digest, &Digest)> {
        match self {
            Entry::Promotion { from, to, .. }
            | Entry::Rollback { from, to, .. }
            | Entry::Adoption { from, to, .. } => Some((from, to)),
            _ => None,
        }
    }
}

impl From<&LearningVerdict> for Word {
    fn from(it: &LearningVerdict) -> Self {
        Self {
            id: it.id.clone(),
            name: it.name.clone(),
            verdict: it.verdict,
            cause: it.cause,
            because: it.reasons.first().cloned().unwrap_or_default(),
            effect: it.effect,
            lower_bound: it.lower_bound,
            p_adjusted: it.p_adjusted,
            pairs: it.pairs,
        }
    }
}

impl Done {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Done::Added => "added",
            Done::Kept => "kept",
            Done::Left => "left",
            Done::Waits => "waits",
            Done::Passed => "passed over",
        }
    }
}
