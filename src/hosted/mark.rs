//! What a run's folder remembers of the platform: the mark of all it made, and the dream it waits for.

use std::{path::Path, sync::atomic::Ordering};

use serde::{Deserialize, Serialize};

use crate::{
    domain::id::Digest,
    error::{Error, Result, without_place},
    files,
    hosted::{Outcome, Platform, Trouble, lock},
};

/// The file of a run's folder that holds its mark.
pub const MARK_FILE: &str = "hosted.json";

/// The mark of a run, kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MarkFile {
    format: u32,
    pub mark: String,
    /// Whether nothing of this run is left on the platform.
    pub is_clean: bool,
    /// The dream it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dream: Option<Begun>,
    /// Whether what it made was removed for whoever will not resume it: no dream can read its sessions any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_tidied: bool,
}

/// A dream that was asked for and not read to its end: whoever goes on watches it, and pays for no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Digest over what it dreams over, and how.
    pub over: Digest,
    /// Its input store.
    pub input: String,
    /// Its id; `None` while nobody has told it.
    pub id: Option<String>,
}

impl MarkFile {
    /// The mark kept in a folder, if there is one.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MARK_FILE);
        if !files::exists(&path) {
            return Ok(None);
        }
        let file = serde_json::from_str(&files::read_text(&path)?).map_err(|fault| {
            Error::integrity("this is not the mark of a run")
                .in_file(&path)
                .because(without_place(&fault))
                .mend("restore the file, or start afresh with another `--out`")
        })?;
        Ok(Some(file))
    }
}

impl Platform {
    /// Remembers the dream a run waits for, or that it waits for none; where the run has no folder, as long as this
    /// process lives.
    pub(super) fn remember(&self, dream: Option<Begun>) -> Outcome<()> {
        lock(&self.begun).clone_from(&dream);
        let folder = lock(&self.run).folder.clone();
        let kept = folder.map_or(Ok(()), |folder| self.keep_mark(&folder, false));
        kept.map_err(|fault| Trouble::Over(fault.what().to_owned()))
    }

    /// Writes the mark into a run's folder.
    pub(super) fn keep_mark(&self, folder: &Path, is_clean: bool) -> Result<()> {
        let file = MarkFile {
            format: 1,
            mark: lock(&self.run).mark.clone().unwrap_or_default(),
            is_clean,
            dream: lock(&self.begun).clone(),
            is_tidied: self.is_tidied.load(Ordering::Relaxed),
        };
        let text = serde_json::to_string_pretty(&file)
            .map_err(|fault| Error::bug("a run's mark could not be written").because(fault))?;
        files::write(&folder.join(MARK_FILE), format!("{text}\n").as_bytes())
    }
}
