//! Large files read and written piece by piece, so that memory does not grow with them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::cannot_read;
use crate::files::reading::too_large;

/// Bytes read at once.
const BUFFER: usize = 1 << 16;

/// A file read from its beginning on.
#[derive(Debug)]
pub struct Stream {
    file: BufReader<File>,
    path: PathBuf,
}

impl Stream {
    /// Opens a file, refused where it has more than `at_most` bytes.
    pub fn open(path: &Path, at_most: u64) -> Result<Self> {
        let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        let length = file.metadata().map_or(0, |it| it.len());
        if at_most < length {
            return Err(too_large(path, at_most));
        }
        Ok(Self {
            file: BufReader::with_capacity(BUFFER, file),
            path: path.to_owned(),
        })
    }

    /// Reads the next line into `line`, its end included where it has one; of a line longer than `at_most` bytes only
    /// so many. `false` once nothing is left.
    pub fn line(&mut self, line: &mut Vec<u8>, at_most: u64) -> Result<bool> {
        line.clear();
        let read = self.file.by_ref().take(at_most).read_until(b'\n', line);
        read.map(|bytes| 0 < bytes)
            .map_err(|error| cannot_read(&self.path, &error))
    }

    /// Goes on so many bytes further; beyond the end nothing is left.
    pub fn skip(&mut self, bytes: u64) -> Result<()> {
        let moved = match i64::try_from(bytes) {
            Ok(bytes) => self.file.seek_relative(bytes),
            Err(_) => self.file.seek(SeekFrom::End(0)).map(|_| ()),
        };
        moved.map_err(|error| cannot_read(&self.path, &error))
    }
}

/// A file read anywhere.
#[derive(Debug)]
pub struct Pieces {
    file: File,
    path: PathBuf,
}

impl Pieces {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Fills `piece` with the bytes from `offset` on.
    pub fn read(&self, offset: u64, piece: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(piece, offset)
            .map_err(|error| cannot_read(&self.path, &error))
    }
}

/// Where the pieces of a file that is being written go.
pub struct Sink<'a> {
    file: &'a mut dyn Write,
    path: &'a Path,
}

impl<'a> Sink<'a> {
    /// A place for pieces, named by the file they are for.
    pub(super) fn new(file: &'a mut dyn Write, path: &'a Path) -> Self {
        Self { file, path }
    }

    /// Writes behind what was written before.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| super::cannot_write(self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{TemporaryFolder, write, write_pieces};

    #[test]
    fn a_file_is_read_line_by_line_and_over_gaps() {
        let folder = TemporaryFolder::create("files").unwrap();
        let path = folder.path().join("a");
        write(&path, b"one\nXXtwo\nthree").unwrap();
        let mut stream = Stream::open(&path, 100).unwrap();
        let mut line = Vec::new();
        assert!(stream.line(&mut line, 50).unwrap());
        assert_eq!(line, b"one\n");
        stream.skip(2).unwrap();
        assert!(stream.line(&mut line, 50).unwrap());
        assert_eq!(line, b"two\n");
        assert!(stream.line(&mut line, 50).unwrap());
        assert_eq!(line, b"three");
        stream = Stream::open(&path, 100).unwrap();
        assert!(stream.line(&mut line, 2).unwrap());
        assert_eq!(line, b"on");
        stream.skip(u64::MAX).unwrap();
        assert!(!stream.line(&mut line, 50).unwrap());
        assert!(line.is_empty());
        let refused = Stream::open(&path, 14).unwrap_err();
        assert_eq!(
            refused.what(),
            "this file is larger than 14 bytes, the most that is read here"
        );
    }

    #[test]
    fn pieces_are_read_anywhere_and_not_beyond_the_end() {
        let folder = TemporaryFolder::create("files").unwrap();
        let path = folder.path().join("a");
        write(&path, b"abcdef").unwrap();
        let pieces = Pieces::open(&path).unwrap();
        let mut piece = [0; 2];
        pieces.read(3, &mut piece).unwrap();
        assert_eq!(&piece, b"de");
        assert!(pieces.read(5, &mut piece).is_err());
    }

    #[test]
    fn a_file_written_in_pieces_is_there_whole_or_not_at_all() {
        let folder = TemporaryFolder::create("files").unwrap();
        let path = folder.path().join("a");
        write(&path, b"old").unwrap();
        let failed = write_pieces(&path, |sink| {
            sink.write(b"ne")?;
            Err(crate::error::Error::bug("no more"))
        });
        assert!(failed.is_err());
        assert_eq!(crate::files::read_text(&path).unwrap(), "old");
        write_pieces(&path, |sink| {
            sink.write(b"ne")?;
            sink.write(b"w")
        })
        .unwrap();
        assert_eq!(crate::files::read_text(&path).unwrap(), "new");
        assert_eq!(crate::files::names(folder.path()), ["a"]);
    }
}
