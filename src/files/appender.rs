//! Files that only grow, and the way to cut a torn end from one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::cannot_write;
use crate::files::writing::sync_folder_of;

/// A file that only grows, such as a journal.
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: PathBuf,
}

impl Appender {
    /// Opens a file at its end, made if it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|file| sync_folder_of(path).map(|()| file))
            .map_err(|error| cannot_write(path, &error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Writes all of `bytes` behind what is there. After an error some of them may stand in the file.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| cannot_write(&self.path, &error))
    }

    /// Returns once everything appended is on the disk.
    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|error| cannot_write(&self.path, &error))
    }
}

/// Cuts a file to `length` bytes, flushed to the disk: the way to drop a torn last line.
pub fn truncate(path: &Path, length: u64) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(length).and_then(|()| file.sync_all()))
        .map_err(|error| cannot_write(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{TemporaryFolder, length, read_text};

    fn folder() -> TemporaryFolder {
        TemporaryFolder::create("files").unwrap()
    }

    #[test]
    fn an_appender_grows_a_file_and_truncate_drops_its_torn_end() {
        let folder = folder();
        let path = folder.path().join("journal");
        for line in ["one\n", "tw"] {
            let mut journal = Appender::open(&path).unwrap();
            journal.append(line.as_bytes()).unwrap();
            journal.sync().unwrap();
        }
        assert_eq!(length(&path).unwrap(), 6);
        truncate(&path, 4).unwrap();
        assert_eq!(read_text(&path).unwrap(), "one\n");
    }
}
