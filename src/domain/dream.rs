//! What a dream leaves beside its store: the changes it made and the patterns it saw.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        id::{Digest, LearningId},
        memory::Store,
        trial::Usage,
    },
    error::{Error, Result},
};

/// A finished dream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dream {
    /// The dreamer's name and version.
    pub dreamer: String,
    /// The store it wrote.
    pub store: Store,
    /// What happened to each learning, in the order of the new store, dropped ones last.
    pub changes: Vec<Change>,
    /// Recurring mistakes and workflows it saw, most sessions first.
    pub patterns: Vec<Pattern>,
    /// How many sessions it read.
    pub sessions: u32,
    /// Digest of its input store before it began.
    pub input_before: Digest,
    /// Digest of its input store after it ended; equal, or the dream is refused.
    pub input_after: Digest,
    /// What it consumed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl Dream {
    /// A dream never writes to its input.
    ///
    /// # Errors
    /// Integrity: it did.
    pub fn check_untouched(&self) -> Result<()> {
        if self.input_before == self.input_after {
            return Ok(());
        }
        Err(Error::integrity(format!(
            "the dreamer `{}` changed its input store (it was {}, now {})",
            self.dreamer,
            self.input_before.short(),
            self.input_after.short()
        ))
        .mend("restore the store and use a dreamer that writes a new one"))
    }
}

/// What a dream did with one learning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What was done.
    pub action: Action,
    /// The old learning's id; none for what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<LearningId>,
    /// The learning's name.
    pub name: String,
    /// Where it stands now, or stood.
    pub path: String,
    /// Why, in a sentence with its counts.
    pub why: String,
}

/// What can be done with a learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// New from sessions.
    Added,
    /// Old, carried over byte for byte.
    Kept,
    /// One with another that says the same.
    Merged,
    /// Replaced by a newer one for the same condition.
    Superseded,
    /// Left out.
    Dropped,
}

/// Something seen again and again in sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Mistake, workflow or preference.
    pub kind: PatternKind,
    /// What it is, in words.
    pub what: String,
    /// Desks it was seen at.
    pub roles: Vec<String>,
    /// Sessions it was seen in.
    pub sessions: u32,
    /// Distinct tasks among them.
    pub tasks: u32,
    /// Name of the learning that answers it, where one does.
    pub answered_by: Option<String>,
}

/// The three kinds of insight a dream can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatternKind {
    /// A tool refused, and something else worked.
    Mistake,
    /// An order of work completed sessions share.
    Workflow,
    /// No error at all; only the graders minded.
    Preference,
}
