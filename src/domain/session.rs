//! A session: one past attempt as a transcript of events, in the vocabulary of the managed-agents API.

use serde::{Deserialize, Serialize};

use crate::domain::task::Entity;

/// A whole transcript: its first line, its events, its last line.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// What was attempted, by whom.
    pub start: SessionStart,
    /// What happened, in order. Unknown types are kept as they are.
    pub events: Vec<serde_json::Value>,
    /// How it came out, where that is known.
    pub outcome: Option<SessionOutcome>,
}

/// The first line of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStart {
    /// The session's name, unique among those a dream reads.
    pub session: String,
    /// The task attempted.
    pub task: String,
    /// The desk it was attempted at.
    #[serde(default)]
    pub role: String,
    /// The arm, or `practice`.
    #[serde(default)]
    pub arm: String,
    /// The agent's name.
    #[serde(default)]
    pub agent: String,
    /// What lay on the desk, visible to the agent.
    #[serde(default)]
    pub setup: Vec<Entity>,
}

/// The last line of a transcript, as the grader wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionOutcome {
    /// Whether the task was completed.
    pub completed: bool,
    /// The score, from 0 to 1.
    pub score: f64,
    /// Each criterion by name and whether it was met.
    #[serde(default)]
    pub criteria: Vec<(String, bool)>,
    /// Policies breached, in words.
    #[serde(default)]
    pub violations: Vec<String>,
}
