//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::Result;
use crate::files::{cannot_write, create_folder};

/// A lock on a file, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock on the file at `path`, made if it is not there; `None` where another process has it.
    pub fn take(path: &Path) -> Result<Option<Self>> {
        Self::by(path, File::try_lock)
    }

    /// As [`Lock::take`], beside others who share it too.
    pub fn share(path: &Path) -> Result<Option<Self>> {
        Self::by(path, File::try_lock_shared)
    }

    fn by(
        path: &Path,
        lock: fn(&File) -> std::result::Result<(), TryLockError>,
    ) -> Result<Option<Self>> {
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| cannot_write(path, &error))?;
        match lock(&file) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(cannot_write(path, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TemporaryFolder;

    #[test]
    fn a_lock_is_held_by_one_and_free_again_once_dropped() {
        let folder = TemporaryFolder::create("lock").unwrap();
        let path = folder.path().join("deep/store.lock");
        let first = Lock::take(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::take(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
