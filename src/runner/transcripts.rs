//! Kept transcripts: one pack of compressed frames, each stored once under its digest.
//!
//! A frame is a line `DIGEST LENGTH` and as many bytes of zstd. The pack grows in the order trials end, and is put
//! in the order of digests when the run is over, so that the same trials leave the same bytes.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::{JoinHandle, spawn_blocking};
use zstd::bulk::Compressor;

use crate::{
    domain::id::Digest,
    error::{Error, Result},
    files::{self, Appender, Lock, Pieces, Stream},
};

/// Compression level: transcripts are written once and read rarely.
const LEVEL: i32 = 1;
/// Bytes that wait to be written together.
const MOST_PENDING: usize = 1 << 20;
/// Largest pack and largest transcript read, in bytes.
const LARGEST_PACK: u64 = 64 << 30;
const LARGEST_TRANSCRIPT: usize = 256 << 20;
/// Longest line before a frame, in bytes.
const LONGEST_NAME: u64 = 128;

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
        bytes.extend_from_slice(format!("{} {}\n", self.digest, self.packed.len()).as_bytes());
        bytes.extend_from_slice(&self.packed);
    }
}

/// Where the bytes of a frame stand in its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    from: u64,
    length: usize,
}

/// The pack of one run.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    appender: Appender,
    frames: HashMap<Digest, Place>,
    length: u64,
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
        let (mut frames, mut length) = (Vec::new(), 0);
        if files::exists(path) {
            (frames, length) = index(path)?;
            if length < files::length(path)? {
                files::truncate(path, length)?;
            }
        }
        Ok(Self {
            path: path.to_owned(),
            appender: Appender::open(path)?,
            frames: frames.into_iter().collect(),
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
        self.length += (self.pending.len() - before) as u64;
        let length = frame.packed.len();
        let from = self.length - length as u64;
        self.frames.insert(frame.digest, Place { from, length });
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

    /// Puts the frames in the order of their digests, beside other work; the lock of the run is held until it is done.
    pub fn settle_beside(self, lock: Arc<Lock>) -> Settling {
        let settle = move || {
            let settled = self.settle();
            drop(lock);
            settled
        };
        Settling(Mutex::new(Some(spawn_blocking(settle))))
    }

    fn settle(mut self) -> Result<()> {
        self.write_pending()?;
        let mut frames: Vec<_> = self.frames.into_iter().collect();
        frames.sort_unstable();
        // A run that is only read again is not written, so that others may read it at the same time.
        if frames.is_sorted_by_key(|(_, place)| place.from) {
            return Ok(());
        }
        let pieces = Pieces::open(&self.path)?;
        let mut packed = Vec::new();
        files::write_pieces(&self.path, |sink| {
            for (digest, place) in frames {
                packed.resize(place.length, 0);
                pieces.read(place.from, &mut packed)?;
                sink.write(format!("{digest} {}\n", place.length).as_bytes())?;
                sink.write(&packed)?;
            }
            Ok(())
        })
    }
}

/// A pack that is being put in order; by default one that is in order.
#[derive(Debug, Default)]
pub struct Settling(Mutex<Option<JoinHandle<Result<()>>>>);

impl Settling {
    /// Waits until it is in order.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub async fn end(&self) -> Result<()> {
        let task = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task {
            None => Ok(()),
            Some(task) => task.await.map_err(|fault| {
                Error::bug("the transcripts could not be put in order").because(fault)
            })?,
        }
    }
}

/// The frames of a pack in the order they stand, and where the last whole one ends.
fn index(path: &Path) -> Result<(Vec<(Digest, Place)>, u64)> {
    let (mut frames, mut end) = (Vec::new(), 0);
    let length = files::length(path)?;
    let mut stream = Stream::open(path, LARGEST_PACK)?;
    let mut line = Vec::new();
    while stream.line(&mut line, LONGEST_NAME)? {
        let Some((digest, packed)) = frame_named(&line) else {
            break;
        };
        let from = end + line.len() as u64;
        let Some(to) = from.checked_add(packed as u64).filter(|it| *it <= length) else {
            break;
        };
        stream.skip(packed as u64)?;
        frames.push((
            digest,
            Place {
                from,
                length: packed,
            },
        ));
        end = to;
    }
    Ok((frames, end))
}

/// What a frame's line says: its digest and how many bytes follow.
fn frame_named(line: &[u8]) -> Option<(Digest, usize)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (digest, length) = line.split_once(' ')?;
    Some((Digest::from_hex(digest)?, length.parse().ok()?))
}

/// Reads kept transcripts back.
#[derive(Debug)]
pub struct Library {
    pieces: Pieces,
    frames: Vec<(Digest, Place)>,
}

impl Library {
    /// Opens the pack of a run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let (mut frames, _) = index(path)?;
        frames.sort_unstable();
        let pieces = Pieces::open(path)?;
        Ok(Self { pieces, frames })
    }

    /// The transcript of that digest.
    ///
    /// # Errors
    /// It is not there, does not unpack, or is not what its digest says.
    pub fn get(&self, digest: &Digest) -> Result<String> {
        let lost = || Error::integrity(format!("transcript {} is not in the pack", digest.short()));
        let found = self.frames.binary_search_by_key(digest, |(it, _)| *it);
        let (_, place) = found
            .ok()
            .and_then(|at| self.frames.get(at))
            .ok_or_else(lost)?;
        let mut packed = vec![0; place.length];
        self.pieces.read(place.from, &mut packed)?;
        let text = zstd::bulk::decompress(&packed, LARGEST_TRANSCRIPT)
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
