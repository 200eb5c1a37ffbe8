//! A store in force, and what stands beside it: its ledger, the texts of every store it was, its lock.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    domain::{id::Digest, memory::Store},
    error::{Error, Result},
    files::{self, Lock},
    formats::{
        memory::{check_replace, export_json, learnings, read_store, replace_store},
        store_template::check_filled,
    },
    promotion::ledger::{Entry, Ledger, Moment},
};

/// Where a store in force is kept. For `playbooks` the ledger is `playbooks.ledger.jsonl`, and the rest is named alike.
#[derive(Debug, Clone)]
pub struct Custody {
    store: PathBuf,
}

impl Custody {
    /// The custody of the store at this path, which need not be there yet.
    ///
    /// # Errors
    /// The path has no name of its own, such as `.` or `/`.
    pub fn of(store: &Path) -> Result<Self> {
        if store.file_name().is_none() {
            return Err(Error::usage("this path names no store")
                .in_file(store)
                .mend("name the store's own folder or file; its ledger is kept beside it"));
        }
        Ok(Self {
            store: store.to_owned(),
        })
    }

    /// The store's path.
    pub fn store_path(&self) -> &Path {
        &self.store
    }

    /// A file beside the store: its name and this ending.
    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut name = OsString::from(self.store.file_name().unwrap_or_default());
        name.push(ending);
        self.store.with_file_name(name)
    }

    /// The ledger's file.
    pub fn ledger_path(&self) -> PathBuf {
        self.beside(".ledger.jsonl")
    }

    fn snapshot_path(&self, store: &Digest) -> PathBuf {
        self.beside(".history").join(format!("{store}.json"))
    }

    /// The right to write, until the lock is dropped.
    ///
    /// # Errors
    /// Another process has it.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.beside(".lock");
        Lock::take(&path)?.ok_or_else(|| {
            Error::outside("another process is at work on this store")
                .in_file(&path)
                .mend("wait until it has ended, then try again")
        })
    }

    /// The store in force; empty where there is none yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn in_force(&self) -> Result<Store> {
        match files::exists(&self.store) {
            true => read_store(&self.store),
            false => Ok(Store::default()),
        }
    }

    /// Keeps the texts of a store by its digest, and says in the ledger that it was seen, once.
    ///
    /// # Errors
    /// The disk fails.
    pub fn snapshot(&self, store: &Store, ledger: &mut Ledger, moment: &Moment) -> Result<Digest> {
        let digest = store.digest();
        let path = self.snapshot_path(&digest);
        if !files::exists(&path) {
            files::write(&path, export_json(store).as_bytes())?;
        }
        let is_known = ledger
            .entries()
            .any(|it| matches!(it, Entry::Snapshot { store, .. } if *store == digest));
        if !is_known {
            let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let entry = Entry::Snapshot {
                store: digest,
                learnings: small(learnings(store).learnings.len()),
                words: small(store.words()),
            };
            ledger.append(entry, moment)?;
        }
        Ok(digest)
    }

    /// The path of a kept store, to be read as a store of its own.
    ///
    /// # Errors
    /// Its texts are gone, or are not what was kept.
    pub fn kept(&self, store: &Digest) -> Result<PathBuf> {
        self.recall(store).map(|_| self.snapshot_path(store))
    }

    /// A store the ledger tells of.
    ///
    /// # Errors
    /// Its texts are gone, or are not what was kept.
    pub fn recall(&self, store: &Digest) -> Result<Store> {
        let path = self.snapshot_path(store);
        let gone = || {
            Error::integrity(format!("the texts of store {} are gone", store.short()))
                .in_file(&path)
                .mend("restore the file from the repository or a backup")
        };
        if !files::exists(&path) {
            return Err(gone());
        }
        let changed = |why: &dyn std::fmt::Display| {
            Error::integrity("this kept store is not what was kept")
                .in_file(&path)
                .because(why)
                .mend("restore the file from the repository or a backup")
        };
        let text = files::read_text(&path).map_err(|fault| changed(&fault.what()))?;
        let kept = read_store(&path).map_err(|fault| changed(&fault.what()))?;
        if kept.digest() != *store || export_json(&kept) != text {
            return Err(changed(&"its digest is that of another"));
        }
        Ok(kept)
    }

    /// Puts a store in force: both stores are kept, the entry is written, then the files change in one instant. A process
    /// killed in between leaves the old store or the new; [`Custody::settle`] finishes what the ledger says.
    ///
    /// # Errors
    /// The disk fails.
    pub fn replace(
        &self,
        (old, new): (&Store, &Store),
        ledger: &mut Ledger,
        entry: Entry,
        moment: &Moment,
    ) -> Result<()> {
        check_replace(new, &self.store)?;
        self.snapshot(old, ledger, moment)?;
        self.snapshot(new, ledger, moment)?;
        ledger.append(entry, moment)?;
        replace_store(new, &self.store)
    }

    /// The store in force, after finishing a replacement that was cut short, and whether one was.
    ///
    /// # Errors
    /// Integrity: the store is neither what the ledger says nor what it was before.
    pub fn settle(&self, ledger: &Ledger) -> Result<(Store, bool)> {
        let now = self.in_force()?;
        let digest = now.digest();
        match ledger.entries().rev().find_map(Entry::replaced) {
            Some((_, to)) if *to == digest => Ok((now, false)),
            Some((from, to)) if *from == digest => {
                let store = self.recall(to)?;
                replace_store(&store, &self.store)?;
                Ok((store, true))
            }
            Some((_, to)) => Err(self.strayed(to, &digest)),
            // Nothing is begun with a store that no run could read.
            None => check_filled(&now, &self.store).map(|()| (now, false)),
        }
    }

    fn strayed(&self, to: &Digest, now: &Digest) -> Error {
        Error::integrity(format!(
            "the store in force is not what was put in force (the ledger says {}, this is {})",
            to.short(),
            now.short()
        ))
        .in_file(&self.store)
        .mend(format!(
            "undo the edit, take it over by `dreameval ledger adopt`, or put the kept store back (an export): {}",
            self.snapshot_path(to).display()
        ))
    }

    fn no_ledger(&self) -> Error {
        let path = self.ledger_path();
        match files::exists(&self.beside(".history")) {
            true => Error::integrity("the ledger of this store is gone")
                .in_file(&path)
                .mend("restore it from the repository or a backup"),
            false => Error::input("there is no ledger beside this store")
                .in_file(&path)
                .mend("check the store's path; `promote` and `cycle` begin a ledger"),
        }
    }

    /// Checks the chain, every kept store, and the store in force against each other.
    ///
    /// # Errors
    /// Integrity: something is not what was written, all faults told together.
    pub fn verify(&self, pinned: Option<&str>) -> Result<Ledger> {
        if !files::exists(&self.ledger_path()) {
            return Err(self.no_ledger());
        }
        let ledger = Ledger::read(&self.ledger_path())?;
        let mut faults = Vec::new();
        if let Some(pinned) = pinned {
            faults.extend(ledger.check_head(pinned).err());
        }
        let erased: Vec<&Digest> = ledger
            .entries()
            .filter_map(|it| match it {
                Entry::Redaction { store, .. } => Some(store),
                _ => None,
            })
            .collect();
        for entry in ledger.entries() {
            if let Entry::Snapshot { store, .. } = entry
                && !erased.contains(&store)
            {
                faults.extend(self.recall(store).err());
            }
        }
        if let Some((from, to)) = ledger.entries().rev().find_map(Entry::replaced) {
            match self.in_force() {
                Ok(store) if store.digest() == *to => {}
                Ok(store) if store.digest() == *from => faults.push(
                    Error::integrity(
                        "the last promotion was cut short: the store before it is in force",
                    )
                    .in_file(&self.store)
                    .mend("the next `promote` or `cycle` finishes it"),
                ),
                Ok(store) => faults.push(self.strayed(to, &store.digest())),
                Err(fault) => faults.push(
                    Error::integrity("the store in force cannot be read")
                        .in_file(&self.store)
                        .because(fault.what())
                        .mend("put the kept store back"),
                ),
            }
        }
        Error::join(faults).map_or(Ok(ledger), Err)
    }

    /// Takes over what was changed by hand: the store as it stands is in force from now on. `None` where it is already.
    ///
    /// # Errors
    /// The store cannot be read, or the disk fails.
    pub fn adopt(
        &self,
        ledger: &mut Ledger,
        (by, because): (&str, &str),
        moment: &Moment,
    ) -> Result<Option<Digest>> {
        let now = self.in_force()?;
        let to = now.digest();
        let before = ledger.entries().rev().find_map(Entry::replaced);
        let from = before.map_or_else(|| Store::default().digest(), |(_, to)| *to);
        if from == to {
            return Ok(None);
        }
        self.snapshot(&now, ledger, moment)?;
        let entry = Entry::Adoption {
            from,
            to,
            by: by.to_owned(),
            because: because.to_owned(),
        };
        ledger.append(entry, moment)?;
        Ok(Some(to))
    }

    /// Erases the texts of a kept store; its digest and the reason stay in the ledger.
    ///
    /// # Errors
    /// It is in force, was never kept, or the disk fails.
    pub fn redact(
        &self,
        prefix: &str,
        ledger: &mut Ledger,
        (by, because): (&str, &str),
        moment: &Moment,
    ) -> Result<Digest> {
        let store = ledger.entries().find_map(|it| match it {
            Entry::Snapshot { store, .. }
                if 6 <= prefix.len() && store.to_string().starts_with(prefix) =>
            {
                Some(*store)
            }
            _ => None,
        });
        let Some(store) = store else {
            return Err(
                Error::usage(format!("the ledger tells of no store `{prefix}`"))
                    .mend("`dreameval ledger show` lists them; give at least 6 digits"),
            );
        };
        let in_force = ledger.entries().rev().find_map(Entry::replaced);
        if in_force.is_some_and(|(_, to)| *to == store) {
            return Err(
                Error::usage("this store is in force, so its texts cannot be erased")
                    .mend("promote a store without the text first"),
            );
        }
        let entry = Entry::Redaction {
            store,
            by: by.to_owned(),
            because: because.to_owned(),
        };
        ledger.append(entry, moment)?;
        files::remove(&self.snapshot_path(&store))?;
        Ok(store)
    }
}
