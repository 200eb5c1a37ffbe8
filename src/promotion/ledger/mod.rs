//! The ledger: every decision on a store, append-only, chained by hash. The texts themselves stand beside it, by digest,
//! so that one can be erased without breaking the chain.

pub mod chain;
pub mod custody;
pub mod entry;

pub use custody::Custody;
pub use entry::Entry;

use std::path::{Path, PathBuf};

use crate::{
    domain::id::Digest,
    error::{Error, ErrorKind, Result},
    files::{self, Appender},
};

/// A line with its entry.
pub type Line = chain::Link<Entry>;

/// The time an entry is written at, and whose clock says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339 in UTC.
    pub at: String,
    /// Such as `system`.
    pub clock: String,
}

/// A ledger that was read and found whole.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
    /// Its lines, oldest first.
    pub lines: Vec<Line>,
}

impl Ledger {
    /// Reads a ledger and checks its chain; one that is not there yet is empty.
    ///
    /// # Errors
    /// Integrity: it is not what was written.
    pub fn read(path: &Path) -> Result<Self> {
        let lines = match files::exists(path) {
            true => chain::unseal(&text_of(path)?, path)?,
            false => Vec::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            lines,
        })
    }

    /// Reads a ledger to write to it: a last line that was never finished is dropped first. The caller holds the lock.
    ///
    /// # Errors
    /// Integrity, or the disk fails.
    pub fn open(path: &Path) -> Result<Self> {
        if files::exists(path) {
            let text = text_of(path)?;
            let whole = text.rfind('\n').map_or(0, |at| at + 1);
            if whole < text.len() {
                files::truncate(path, whole as u64)?;
            }
        }
        Self::read(path)
    }

    /// The hash of the last line: to be kept elsewhere too.
    pub fn head(&self) -> Digest {
        self.lines
            .last()
            .map_or_else(chain::origin, |line| line.hash)
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.lines.iter().map(|line| &line.entry)
    }

    /// Writes an entry behind what is there; it is on the disk when this returns.
    ///
    /// # Errors
    /// The disk fails.
    pub fn append(&mut self, entry: Entry, moment: &Moment) -> Result<()> {
        let sequence = self.lines.len() as u64 + 1;
        let previous = self.head();
        let time = (moment.at.as_str(), moment.clock.as_str());
        let (line, hash) = chain::seal(sequence, &previous, time, &entry)?;
        let mut file = Appender::open(&self.path)?;
        file.append(format!("{line}\n").as_bytes())?;
        file.sync()?;
        self.lines.push(Line {
            sequence,
            previous,
            at: moment.at.clone(),
            clock: moment.clock.clone(),
            entry,
            hash,
        });
        Ok(())
    }

    /// Refuses a ledger whose head is not the pinned one and never was: a cut, or another ledger.
    ///
    /// # Errors
    /// Integrity.
    pub fn check_head(&self, pinned: &str) -> Result<()> {
        let is_known = self
            .lines
            .iter()
            .any(|line| line.hash.to_string().starts_with(pinned));
        if 12 <= pinned.len() && is_known {
            return Ok(());
        }
        Err(Error::integrity(format!(
            "the ledger has no line with the pinned head `{pinned}` (its head is {})",
            self.head().short()
        ))
        .in_file(&self.path)
        .mend("lines were cut from its end, or this is another ledger; restore it from a backup"))
    }
}

/// The ledger's text. We wrote it, so what is no text was not written by us.
fn text_of(path: &Path) -> Result<String> {
    files::read_text(path).map_err(|fault| match fault.kind() {
        ErrorKind::Input => Error::integrity("the ledger is not what was written")
            .in_file(path)
            .because(fault.what())
            .mend("restore the file from the repository or a backup"),
        _ => fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TemporaryFolder;

    fn moment() -> Moment {
        Moment {
            at: "2026-01-01T00:00:00Z".to_owned(),
            clock: "test".to_owned(),
        }
    }

    fn entry(name: &str) -> Entry {
        Entry::Redaction {
            store: Digest::of(name.as_bytes()),
            by: name.to_owned(),
            because: "asked to".to_owned(),
        }
    }

    #[test]
    fn what_is_appended_is_read_and_an_unfinished_line_is_dropped() {
        let folder = TemporaryFolder::create("ledger").unwrap();
        let path = folder.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        for name in ["ann", "bob"] {
            ledger.append(entry(name), &moment()).unwrap();
        }
        let whole = files::read_text(&path).unwrap();
        files::truncate(&path, whole.len() as u64 - 9).unwrap();
        assert!(Ledger::read(&path).is_err());
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.lines.len(), 1);
        ledger.append(entry("bob"), &moment()).unwrap();
        assert_eq!(files::read_text(&path).unwrap(), whole);
    }

    #[test]
    fn a_pinned_head_is_found_among_the_lines_or_the_ledger_was_cut() {
        let folder = TemporaryFolder::create("ledger").unwrap();
        let path = folder.path().join("ledger.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.append(entry("ann"), &moment()).unwrap();
        let first = ledger.head();
        ledger.append(entry("bob"), &moment()).unwrap();
        let head = ledger.head();
        assert!(
            ledger.check_head(&first.short()).is_ok()
                && ledger.check_head(&head.to_string()).is_ok()
        );
        ledger.lines.pop();
        assert!(ledger.check_head(&head.to_string()).is_err());
        assert!(ledger.check_head("").is_err());
    }
}
