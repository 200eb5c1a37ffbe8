//! Folders for workspaces, gone when nobody holds them any more.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::files::cannot_write;

/// A folder of our own under the system's temporary one, removed with all it holds when dropped.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
}

/// Sets apart the temporary folders of one process.
static TEMPORARY_FOLDERS: AtomicU64 = AtomicU64::new(0);

impl TemporaryFolder {
    /// Makes a new folder that only this user can enter; `label` becomes part of its name.
    pub fn create(label: &str) -> Result<Self> {
        let above = std::env::temp_dir();
        loop {
            let number = TEMPORARY_FOLDERS.fetch_add(1, Ordering::Relaxed);
            let path = above.join(format!("dreameval-{label}-{}-{number}", std::process::id()));
            match private_folder_builder().create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot_write(&path, &error)),
            }
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nobody is left to tell; the system clears its temporary folder in time.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(unix)]
fn private_folder_builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private_folder_builder() -> DirBuilder {
    DirBuilder::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::exists;

    fn folder() -> TemporaryFolder {
        TemporaryFolder::create("files").unwrap()
    }

    #[test]
    fn a_temporary_folder_goes_when_dropped() {
        let folder = folder();
        let path = folder.path().to_owned();
        assert!(exists(&path));
        drop(folder);
        assert!(!exists(&path));
    }
}
