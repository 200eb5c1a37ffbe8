//! A trial: what an agent is given, what it did, how that came out, and the row all analysis reads.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ArmName, FamilyId, LearningId, TaskId};

/// Why an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The agent held its work to be done.
    Finished,
    /// The agent saw nothing left to try.
    GaveUp,
    /// The step limit.
    Steps,
    /// The time limit.
    Seconds,
    /// The token or cost limit.
    Budget,
}

/// What an attempt consumed. Null is not zero: what was not measured is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tool calls made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Tool calls that were refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_errors: Option<u32>,
    /// Words of memory read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words_read: Option<u32>,
    /// Uncached input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens read from cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Tokens written to cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Wall-clock seconds; `None` for embedded agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Answers of models that had begun and were cut or could not be read. They may be billed, and are in no other figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_answers: Option<u32>,
}

/// What the agent did, up to its own end or a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its final answer, where the task asks for one.
    pub answer: Option<String>,
    /// Why it ended.
    pub stop: Stop,
    /// What it consumed.
    pub usage: Usage,
    /// Indices, into the learnings it was given, of those it was shown.
    pub surfaced: Vec<u16>,
    /// Indices of those it asked for by name, where it had to.
    pub opened: Vec<u16>,
    /// Indices of those an action followed.
    pub followed: Vec<u16>,
    /// The events of its transcript, where they were asked for.
    pub events: Vec<serde_json::Value>,
}

/// How a trial came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A grader read the work as it stood when the attempt stopped.
    Graded(Grade),
    /// The harness broke. It says nothing about the agent, so no rate counts it.
    Broken(String),
}

/// A grader's word on one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// Whether the task was completed.
    pub completed: bool,
    /// From 0 to 1.
    pub score: f64,
    /// Each criterion by name and whether it was met, in the grader's order.
    pub criteria: Arc<[(String, bool)]>,
    /// Policies breached and forbidden effects caused, in words; they do not change `completed`.
    pub violations: Vec<String>,
    /// What tripped a canary task, in words; empty on every other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trips: Vec<String>,
}

impl Outcome {
    /// Whether the task was completed, or `None` when we cannot say.
    pub fn completed(&self) -> Option<bool> {
        match self {
            Outcome::Graded(grade) => Some(grade.completed),
            Outcome::Broken(_) => None,
        }
    }
}

/// Which half of a foldover pair a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The random subset.
    Subset,
    /// Its complement.
    Complement,
}

/// One trial as all analysis reads it: the columns of `trials.parquet`, in their groups.
///
/// Made from a journal, or from a table written elsewhere, where most columns may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrialRow {
    /// The plan's fingerprint, or empty.
    pub run: Arc<str>,
    /// The suite's name, or empty.
    pub suite: Arc<str>,
    /// The task.
    pub task: TaskId,
    /// The unit of resampling; the task itself where no family is known.
    pub family: FamilyId,
    /// The desk, or empty.
    pub role: Arc<str>,
    /// The split, or empty.
    pub split: Arc<str>,
    /// Counts from 0 within task and arm.
    pub repeat: u32,
    /// The trial's seed, where known.
    pub seed: Option<u64>,
    /// The arm; foldover halves are named `foldover`, trials of canary tasks `canary`.
    pub arm: ArmName,
    /// The step budget, where it is not the headline's.
    pub budget: Option<u32>,
    /// The foldover pair.
    pub pair: Option<u32>,
    /// Which half of the pair.
    pub half: Option<Half>,
    /// Digest of the store as given.
    pub memory_digest: Arc<str>,
    /// The learnings in that store.
    pub learnings: Vec<LearningId>,
    /// `None` where the trial broke.
    pub completed: Option<bool>,
    /// From 0 to 1; `None` where the trial broke.
    pub score: Option<f64>,
    /// Violations counted; `None` where the trial broke or nobody looked.
    pub violations: Option<u32>,
    /// Why the attempt ended, where known.
    pub stop: Option<Stop>,
    /// What broke, in words.
    pub broken: Option<String>,
    /// Criteria by name and whether met.
    pub criteria: Arc<[(String, bool)]>,
    /// What it consumed; `None` where unknown.
    pub usage: Option<Usage>,
    /// What the judge of its rubric consumed; `None` where none was asked.
    pub judge: Option<Usage>,
    /// Learnings the plan held eligible.
    pub eligible: Vec<LearningId>,
    /// Learnings shown.
    pub surfaced: Vec<LearningId>,
    /// Learnings the agent asked for by name, where it had to.
    pub opened: Vec<LearningId>,
    /// Learnings an action followed.
    pub followed: Vec<LearningId>,
    /// The agent's name, or empty.
    pub agent: Arc<str>,
    /// The model, or empty.
    pub model: Arc<str>,
    /// Digest of what judged it, or empty.
    pub grader_digest: Arc<str>,
    /// Digest of the kept transcript, or empty.
    pub transcript: Arc<str>,
}
