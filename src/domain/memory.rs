//! A memory store and its learnings: text at paths, with every byte kept.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::domain::id::{Digest, LearningId};

/// Text at paths, in the order of the paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// The entries, sorted by path.
    pub entries: Vec<Entry>,
}

/// One file of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Begins with `/`; unique in its store.
    pub path: String,
    /// The text, byte for byte.
    pub text: String,
}

/// What kind of unit a learning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LearningKind {
    /// A plain-text remark.
    Note,
    /// A structured procedure with front matter, or a skill.
    Playbook,
}

/// The unit of promotion: one note or one playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learning {
    /// Derived from the text, so that it survives moves and renamings of files.
    pub id: LearningId,
    /// A title for people.
    pub name: String,
    /// Note or playbook.
    pub kind: LearningKind,
    /// Where it stands in its store.
    pub source: Source,
    /// What an agent is shown of it, byte for byte a part of the source.
    pub text: String,
    /// Roles the front matter narrows it to; empty means every role.
    pub roles: Vec<String>,
    /// Sessions its front matter cites as evidence.
    pub evidence: Vec<String>,
}

/// A span of a store's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The entry's path.
    pub path: String,
    /// The bytes of that entry the learning is made of, front matter included.
    pub span: Range<usize>,
    /// Line of the first byte, from 1.
    pub line: usize,
}

/// The learnings of a store, and what no shape recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnings {
    /// In store order; identical texts once.
    pub learnings: Vec<Learning>,
    /// Lines outside every learning: path, line from 1, and the text.
    pub not_understood: Vec<(String, usize, String)>,
    /// Learnings left out because the same text came before: path and line.
    pub duplicates: Vec<(String, usize)>,
}

impl Store {
    /// A store of these entries, sorted by path.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Self { entries }
    }

    /// The digest over sorted paths and the digests of their contents.
    pub fn digest(&self) -> Digest {
        let parts: Vec<String> = self
            .entries
            .iter()
            .map(|entry| format!("{}\0{}", entry.path, Digest::of(entry.text.as_bytes())))
            .collect();
        Digest::of_parts(parts.iter().map(String::as_bytes))
    }

    /// The exact bytes a learning is made of, or `None` where the store has no such span.
    pub fn bytes_of(&self, source: &Source) -> Option<&str> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.path == source.path)?;
        entry.text.get(source.span.clone())
    }

    /// Words in all entries.
    pub fn words(&self) -> usize {
        self.entries
            .iter()
            .map(|entry| entry.text.split_whitespace().count())
            .sum()
    }
}

impl LearningId {
    /// The id of a learning with this text: twelve hexadecimal digits of its digest, after its kind's letter.
    pub fn of_text(kind: LearningKind, text: &str) -> Self {
        let letter = match kind {
            LearningKind::Note => 'n',
            LearningKind::Playbook => 'p',
        };
        Self::new(format!(
            "{letter}-{}",
            Digest::of(text.trim().as_bytes()).short()
        ))
    }
}
