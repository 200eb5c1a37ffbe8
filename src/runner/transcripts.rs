//! Kept transcripts: one pack of compressed frames, each stored once under its digest.
//!
//! A frame is a line `DIGEST LENGTH` and as many bytes of zstd. The pack grows in the order trials end, and is put
//! in the order of digests when the run is over, so that the same trials leave the same bytes.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use zstd::bulk::Compressor;

use crate::{
    domain::id::Digest,
    error::{Error, Result},
    files::{self, Appender},
};

/// Compression level: transcripts are written once and read rarely.
const LEVEL: i32 = 1;
/// Bytes that wait to be written together.
const MOST_PENDING: usize = 1 << 20;
/// Largest pack and largest transcript read, in bytes.
const LARGEST_PACK: u64 = 64 << 30;
const LARGEST_TRANSCRIPT: usize = 256 << 20;

thread_local! {
    /// One for each thread: to make one takes longer than to compress a transcript.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// A transcript about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    digest: Digest,
    packed: Vec<u8>,
}

impl Frame {
    /// Compresses a transcript.
    ///
    /// # Errors
    /// It cannot be compressed.
    pub fn of(text: &str) -> Result<Self> {
        let packed = COMPRESSOR
            .with_borrow_mut(|compressor| match compressor {
                Some(compressor) => compressor.compress(text.as_bytes()),
                None => compressor
                    .insert(Compressor::new(LEVEL)?)
                    .compress(text.as_bytes()),
            })
            .map_err(|fault| Error::bug("a transcript could not be compressed").because(fault))?;
        Ok(Self {
            digest: Digest::of(text.as_bytes()),
            packed,
        })
    }

    /// The digest of the uncompressed text.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.digest.as_str().as_bytes());
        bytes.extend_from_slice(format!(" {}\n", self.packed.len()).as_bytes());
        bytes.extend_from_slice(&self.packed);
    }
}

/// The pack of one run.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    appender: Appender,
    frames: HashMap<Digest, (usize, usize)>,
    length: usize,
    /// Frames that are not written yet.
    pending: Vec<u8>,
    is_synced: bool,
}

impl Pack {
    /// Opens the pack of a run, or starts it. A torn last frame, left by a kill, is cut off.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged before its end.
    pub fn open(path: &Path) -> Result<Self> {
        let mut frames = HashMap::new();
        let mut length = 0;
        if files::exists(path) {
            let bytes = files::read_bytes(path, LARGEST_PACK)?;
            while let Some((digest, from, to)) = frame_at(&bytes, length) {
                frames.insert(digest, (from, to));
                length = to;
            }
            if length < bytes.len() {
                files::truncate(path, length as u64)?;
            }
        }
        Ok(Self {
            path: path.to_owned(),
            appender: Appender::open(path)?,
            frames,
            length,
            pending: Vec::new(),
            is_synced: true,
        })
    }

    /// Adds a transcript; one that is there already is not stored again.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, frame: &Frame) -> Result<()> {
        if self.frames.contains_key(&frame.digest) {
            return Ok(());
        }
        let before = self.pending.len();
        frame.write_to(&mut self.pending);
        let end = self.length + self.pending.len() - before;
        self.frames
            .insert(frame.digest.clone(), (end - frame.packed.len(), end));
        self.length = end;
        self.is_synced = false;
        match MOST_PENDING < self.pending.len() {
            true => self.write_pending(),
            false => Ok(()),
        }
    }

    fn write_pending(&mut self) -> Result<()> {
        self.appender.append(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// Waits until everything added is on the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        if !self.is_synced {
            self.write_pending()?;
            self.appender.sync()?;
            self.is_synced = true;
        }
        Ok(())
    }

    /// Puts the frames in the order of their digests.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn settle(mut self) -> Result<()> {
        self.write_pending()?;
        let bytes = files::read_bytes(&self.path, LARGEST_PACK)?;
        let mut settled = Vec::with_capacity(bytes.len());
        let mut frames: Vec<_> = self.frames.iter().collect();
        frames.sort_unstable();
        for (digest, (from, to)) in frames {
            settled.extend_from_slice(format!("{digest} {}\n", to - from).as_bytes());
            settled.extend_from_slice(bytes.get(*from..*to).unwrap_or_default());
        }
        drop(self.appender);
        // A run that is only read again is not written, so that others may read it at the same time.
        if settled == bytes {
            return Ok(());
        }
        files::write(&self.path, &settled)
    }
}

fn frame_at(bytes: &[u8], at: usize) -> Option<(Digest, usize, usize)> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().take(128).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    let (digest, length) = line.split_once(' ')?;
    let from = at + end + 1;
    let to = from.checked_add(length.parse().ok()?)?;
    (to <= bytes.len()).then_some((Digest::from_hex(digest)?, from, to))
}

/// Reads kept transcripts back.
#[derive(Debug)]
pub struct Library {
    bytes: Vec<u8>,
    frames: BTreeMap<Digest, (usize, usize)>,
}

impl Library {
    /// Reads the pack of a run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read_bytes(path, LARGEST_PACK)?;
        let mut frames = BTreeMap::new();
        let mut at = 0;
        while let Some((digest, from, to)) = frame_at(&bytes, at) {
            frames.insert(digest, (from, to));
            at = to;
        }
        Ok(Self { bytes, frames })
    }

    /// The transcript of that digest.
    ///
    /// # Errors
    /// It is not there, does not unpack, or is not what its digest says.
    pub fn get(&self, digest: &Digest) -> Result<String> {
        let lost = || Error::integrity(format!("transcript {} is not in the pack", digest.short()));
        let (from, to) = self.frames.get(digest).ok_or_else(lost)?;
        let text = zstd::bulk::decompress(&self.bytes[*from..*to], LARGEST_TRANSCRIPT)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(lost)?;
        if Digest::of(text.as_bytes()) != *digest {
            return Err(Error::integrity(format!(
                "transcript {} is not what its digest says",
                digest.short()
            )));
        }
        Ok(text)
    }
}

/// The transcripts of a run; `None` where there are none that can be read.
pub fn library_of(run: &Path) -> Option<Library> {
    let pack = path_in(run);
    files::exists(&pack).then(|| Library::read(&pack).ok())?
}

/// The path of a run's pack.
pub fn path_in(run: &Path) -> PathBuf {
    run.join("transcripts").join("pack")
}
