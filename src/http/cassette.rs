//! Recorded exchanges: what was asked and what came of it, so that the same run can be played without a network.
//!
//! A cassette is a file of JSON Lines. Requests are found by method, path and body, by the address of the trial that
//! makes them, and by how often that trial has made the same request before. No request header is ever written, and
//! of an answer's only those that name it.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    domain::id::Digest,
    error::{Error, Result, without_place},
    files::{self, Appender},
    http::{Failure, Frame, Method, Request, Response, clock::lock},
};

/// Largest cassette read, in bytes.
const LARGEST: u64 = 16 << 30;
/// How much is shown around the place where a request differs from the nearest tape, in characters.
const AROUND: usize = 40;

/// A cassette, for recording or for playing.
#[derive(Debug)]
pub(super) struct Cassette {
    path: PathBuf,
    tapes: HashMap<Key, (usize, Tape)>,
    counts: Mutex<HashMap<(Digest, u64), u32>>,
    appender: Option<Mutex<Appender>>,
}

/// Which request of a run this is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    request: Digest,
    take: u64,
    nth: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tape {
    request: Digest,
    /// The trial's address.
    take: u64,
    nth: u32,
    method: Method,
    path: String,
    body: Option<Value>,
    came: Came,
}

/// What came of a request, or next out of a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Came {
    Answer(Response),
    NoAnswer(String),
    Lost(String, u32),
    PastLimit,
    /// A stream was opened.
    Opened,
    /// An event of it.
    Frame(Frame),
    /// The server ended it.
    Ended,
}

impl Came {
    /// What is kept of an answer; `None` for what only says that this run was ended.
    pub fn of(came: &std::result::Result<Response, Failure>) -> Option<Self> {
        match came {
            Ok(response) => Some(Came::Answer(response.clone())),
            Err(failure) => Came::failed(failure),
        }
    }

    /// What is kept of a failure.
    pub fn failed(failure: &Failure) -> Option<Self> {
        match failure {
            Failure::NoAnswer(told) => Some(Came::NoAnswer(told.clone())),
            Failure::Lost(told, lost) => Some(Came::Lost(told.clone(), *lost)),
            Failure::PastLimit => Some(Came::PastLimit),
            Failure::Down(_) | Failure::Tape(_) => None,
        }
    }
}

impl Cassette {
    /// Opens a cassette to be added to; made if it is not there.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no cassette.
    pub fn record(path: &Path) -> Result<Self> {
        let mut cassette = Self::empty(path);
        if files::exists(path) {
            let whole = cassette.load()?;
            files::truncate(path, whole)?;
            // What a killed run recorded stays for whoever plays it; a later tape of the same request counts.
            cassette.tapes.clear();
        }
        cassette.appender = Some(Mutex::new(Appender::open(path)?));
        Ok(cassette)
    }

    /// Opens a cassette to be played.
    ///
    /// # Errors
    /// The file cannot be read, or is no cassette.
    pub fn replay(path: &Path) -> Result<Self> {
        let mut cassette = Self::empty(path);
        cassette.load()?;
        Ok(cassette)
    }

    fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            tapes: HashMap::new(),
            counts: Mutex::default(),
            appender: None,
        }
    }

    /// Reads every whole line and returns how many bytes they take; a torn last line, left by a kill, is no fault.
    fn load(&mut self) -> Result<u64> {
        let text = files::text_of(files::read_bytes(&self.path, LARGEST)?, &self.path)?;
        let mut whole = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if !line.ends_with('\n') {
                break;
            }
            let tape: Tape = serde_json::from_str(line).map_err(|fault| {
                Error::input("this line is no recorded exchange")
                    .in_file(&self.path)
                    .at(index + 1, 1)
                    .because(without_place(&fault))
                    .mend("name a cassette this program recorded, or record it again")
            })?;
            whole += line.len() as u64;
            let key = Key {
                request: tape.request,
                take: tape.take,
                nth: tape.nth,
            };
            self.tapes.insert(key, (index + 1, tape));
        }
        Ok(whole)
    }

    /// Counts a request and says which it is.
    pub fn key(&self, request: &Request<'_>) -> Key {
        let body = request.body.unwrap_or_default();
        let parts = [request.method.word(), request.path, body];
        let digest = Digest::of_parts(parts.iter().map(|it| it.as_bytes()));
        let take = request.address.draw(0);
        let mut counts = lock(&self.counts);
        let count = counts.entry((digest, take)).or_insert(0);
        *count += 1;
        Key {
            request: digest,
            take,
            nth: *count - 1,
        }
    }

    /// Writes down what came of a request; nothing where nothing came.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, key: Key, request: &Request<'_>, came: Option<Came>) -> Result<()> {
        let Some(came) = came else {
            return Ok(());
        };
        let tape = Tape {
            request: key.request,
            take: key.take,
            nth: key.nth,
            method: request.method,
            path: request.path.to_owned(),
            body: request.body.and_then(|it| serde_json::from_str(it).ok()),
            came,
        };
        let mut line = serde_json::to_vec(&tape)
            .map_err(|fault| Error::bug("an exchange could not be written").because(fault))?;
        line.push(b'\n');
        match &self.appender {
            Some(appender) => lock(appender).append(&line),
            None => Ok(()),
        }
    }

    /// What came of a request when it was recorded.
    ///
    /// # Errors
    /// What had failed then, or there is no tape of it; the nearest one is named.
    pub fn play(&self, request: &Request<'_>) -> std::result::Result<Response, Failure> {
        match self.fetch(request)? {
            Came::Answer(response) => Ok(response),
            Came::Opened | Came::Frame(_) | Came::Ended => Err(self.stray(request)),
            Came::NoAnswer(told) => Err(Failure::NoAnswer(told)),
            Came::Lost(told, lost) => Err(Failure::Lost(told, lost)),
            Came::PastLimit => Err(Failure::PastLimit),
        }
    }

    /// What came of a request or next out of a stream when it was recorded, whatever it was.
    ///
    /// # Errors
    /// There is no tape of it.
    pub fn fetch(&self, request: &Request<'_>) -> std::result::Result<Came, Failure> {
        match self.tapes.get(&self.key(request)) {
            Some((_, tape)) => Ok(tape.came.clone()),
            None => Err(Failure::Tape(self.missing(request))),
        }
    }

    /// The fault of a tape that holds a part of a stream where none is asked for, or the other way round.
    pub fn stray(&self, request: &Request<'_>) -> Failure {
        let (method, path) = (request.method.word(), request.path);
        Failure::Tape(format!(
            "the tape of {method} {path} in {} was recorded by another version",
            self.path.display()
        ))
    }

    fn missing(&self, request: &Request<'_>) -> String {
        let body = request.body.unwrap_or_default();
        let mut by_line = BTreeMap::new();
        for (line, tape) in self.tapes.values() {
            if tape.method == request.method && tape.path == request.path {
                let text = tape.body.as_ref().map(Value::to_string).unwrap_or_default();
                by_line.insert(*line, (tape, text));
            }
        }
        let nearest = by_line.iter().rev().max_by_key(|(_, (tape, text))| {
            (alike(text, body), tape.take == request.address.draw(0))
        });
        let asked = format!("no tape of {} {}", request.method.word(), request.path);
        let Some((line, (_, text))) = nearest else {
            return format!("{asked}, nor of any other request to that path");
        };
        let at = format!("line {line} of {}", self.path.display());
        if *text == body {
            return format!("{asked}; {at} holds the same request of another trial or repeat");
        }
        let from = first_difference(text, body);
        format!(
            "{asked}; the nearest is {at}, which has `{}` where this one has `{}`",
            around(text, from),
            around(body, from)
        )
    }
}

/// Bytes two texts share at their beginnings and ends.
fn alike(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let same =
        |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
    let ends = same(&mut one.iter().rev().zip(other.iter().rev()));
    (same(&mut one.iter().zip(other)) + ends).min(one.len().min(other.len()))
}

/// Characters before the first in which two texts differ.
fn first_difference(one: &str, other: &str) -> usize {
    one.chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .count()
}

fn around(text: &str, at: usize) -> String {
    text.chars()
        .skip(at.saturating_sub(AROUND / 4))
        .take(AROUND)
        .collect()
}
