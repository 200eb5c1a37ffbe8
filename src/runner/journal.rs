//! The journal: append-only JSON Lines. A trial is in it or it never happened.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        id::Digest,
        trial::{Outcome, Stop, Usage},
    },
    error::{Error, Result, without_place},
    files::{self, Appender, Stream},
    runner::{
        plan::{PlannedTrial, Stage},
        purse::Cost,
    },
};

/// Records by stage and number.
type Known = HashMap<(Stage, u32), Record>;

/// One trial's line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its stage.
    pub stage: Stage,
    /// Its number in the plan of that stage.
    pub trial: u32,
    /// How it came out.
    pub outcome: Outcome,
    /// Why the attempt ended; null where it broke before an end.
    pub stop: Option<Stop>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// What the judge of its rubric consumed; the agent's own consumption is `usage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Usage>,
    /// Learnings shown, by place among those the trial was given, so that no store is needed to read them.
    #[serde(default)]
    pub surfaced: Vec<u16>,
    /// Learnings asked for by name, by place as well; what agents are shown unasked is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<u16>,
    /// Learnings followed, by place as well.
    #[serde(default)]
    pub followed: Vec<u16>,
    /// The kept transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Digest>,
    /// Everything it depended on; absent in practice, which is never reused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ContentKey>,
    /// Whether it was taken from an earlier run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reused: bool,
}

impl Record {
    /// Whether anything of it is known to have been paid for, or may have been.
    pub fn is_paid(&self) -> bool {
        let mut usages = [self.usage, self.judge].into_iter().flatten();
        usages.any(|it| {
            it.input_tokens.is_some() || it.cost_usd.is_some() || it.lost_answers.is_some()
        })
    }

    /// What the trial cost in this run, its judge included; nothing where it was taken from an earlier one. `is_free`
    /// says that attempts themselves cost nothing.
    pub fn cost(&self, is_free: bool) -> Cost {
        let attempt = match is_free {
            true => Some(0.0),
            false => self.usage.and_then(|usage| usage.cost_usd),
        };
        let judging = self.judge.map_or(Some(0.0), |usage| usage.cost_usd);
        let dollars = attempt.zip(judging).map(|(one, other)| one + other);
        let both = [self.usage, self.judge].into_iter().flatten();
        let lost: u32 = both.filter_map(|it| it.lost_answers).sum();
        match dollars {
            _ if self.reused => Cost::Known(0.0),
            // A lost answer was no dearer than all the others of its trial together.
            Some(dollars) if 0.0 < dollars => Cost::Known(dollars * f64::from(1 + lost)),
            Some(dollars) if lost == 0 => Cost::Known(dollars),
            _ if self.outcome.completed().is_none() => Cost::Broken(lost),
            _ => Cost::Unknown,
        }
    }
}

/// What a trial depends on, as the first 32 hexadecimal digits of a digest (see [`crate::runner::reuse`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentKey(#[serde(with = "hex::serde")] [u8; 16]);

impl ContentKey {
    /// The key of a trial that depends on what this is the digest of. A run would need 10^19 trials for two keys to
    /// meet by chance.
    pub fn of(digest: &Digest) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&digest.bytes()[..16]);
        Self(key)
    }
}

fn is_false(it: &bool) -> bool {
    !it
}

/// The first line: which run this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    format: u32,
    run: Digest,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    appender: Appender,
    /// Where attempts stand that the end of a run cut short.
    cut_short: PathBuf,
    known: Known,
    /// Bytes of a torn last line that were cut off on opening.
    pub torn: u64,
}

impl Journal {
    /// Starts the journal of a run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, run: &Digest) -> Result<Self> {
        let mut appender = Appender::open(path)?;
        let header = Header {
            format: 1,
            run: *run,
        };
        let mut line =
            serde_json::to_string(&header).map_err(|fault| Error::bug(fault.to_string()))?;
        line.push('\n');
        appender.append(line.as_bytes())?;
        appender.sync()?;
        Ok(Self {
            appender,
            cut_short: cut_short_in(path),
            known: HashMap::new(),
            torn: 0,
        })
    }

    /// Opens the journal of a run to continue it. A torn last line, left by a kill, is cut off; a journal killed
    /// before its first line is started anew.
    ///
    /// # Errors
    /// It belongs to another run, or a line inside it is damaged.
    pub fn resume(path: &Path, run: &Digest) -> Result<Self> {
        if !files::exists(path) {
            return Self::create(path, run);
        }
        let (known, whole) = read_lines(path, Some(run))?;
        let torn = files::length(path)?.saturating_sub(whole);
        if torn > 0 {
            files::truncate(path, whole)?;
        }
        if whole == 0 {
            return Self::create(path, run);
        }
        Ok(Self {
            appender: Appender::open(path)?,
            cut_short: cut_short_in(path),
            known,
            torn,
        })
    }

    /// Takes the record of a planned trial, where there is one.
    pub fn take(&mut self, trial: &PlannedTrial) -> Option<Record> {
        self.known.remove(&(trial.stage, trial.number))
    }

    /// Whether a planned trial is in the journal.
    pub fn holds(&self, stage: Stage, number: u32) -> bool {
        self.known.contains_key(&(stage, number))
    }

    /// Refuses a journal that holds trials nobody planned, once every planned one is taken.
    ///
    /// # Errors
    /// One is left.
    pub fn expect_nothing_more(&self, path: &Path) -> Result<()> {
        match self.known.keys().min() {
            None => Ok(()),
            Some((stage, trial)) => Err(Error::integrity(format!(
                "this journal holds trial {trial} of stage {}, which this run does not plan",
                stage.word()
            ))
            .in_file(path)
            .mend("restore the file; a line was added or changed")),
        }
    }

    /// Appends lines and waits until they are on the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append<'a>(&mut self, lines: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut bytes = String::new();
        for line in lines {
            bytes.push_str(line);
            bytes.push('\n');
        }
        self.appender.append(bytes.as_bytes())?;
        self.appender.sync()
    }

    /// Notes what was paid for an attempt that is to be played anew.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_aside(&self, line: &str) -> Result<()> {
        let mut appender = Appender::open(&self.cut_short)?;
        appender.append(format!("{line}\n").as_bytes())?;
        appender.sync()
    }
}

/// The file beside a journal for attempts that are played anew on `--resume`, but were paid for.
fn cut_short_in(journal: &Path) -> PathBuf {
    journal.with_file_name("cut-short.jsonl")
}

/// What was paid for attempts of a run's folder that its end cut short, in the order they came. A line a kill has torn is left out.
///
/// # Errors
/// The file cannot be read.
pub fn cut_short(run: &Path) -> Result<Vec<Record>> {
    let path = cut_short_in(&path_in(run));
    if !files::exists(&path) {
        return Ok(Vec::new());
    }
    let text = files::read_text(&path)?;
    let records = text.lines().map(serde_json::from_str);
    Ok(records.filter_map(std::result::Result::ok).collect())
}

/// Largest journal and longest line of one that are read, in bytes.
const LARGEST: u64 = 16 << 30;
const LONGEST_LINE: u64 = 1 << 30;

/// All records of a finished journal, by stage and number.
///
/// # Errors
/// The file cannot be read, or a line of it is damaged.
pub fn read(path: &Path) -> Result<HashMap<(Stage, u32), Record>> {
    let (known, whole) = read_lines(path, None)?;
    match whole {
        0 => Err(damaged(path, 1, "the first line is missing")),
        _ => Ok(known),
    }
}

/// All records of an earlier run's journal, finished or not, in the order of their trials.
///
/// # Errors
/// The file cannot be read, belongs to another run, or is damaged.
pub fn read_of(path: &Path, run: &Digest) -> Result<Vec<Record>> {
    let (known, whole) = read_lines(path, Some(run))?;
    if whole == 0 {
        return Err(damaged(path, 1, "the first line is missing"));
    }
    let mut records: Vec<Record> = known.into_values().collect();
    records.sort_by_key(|record| (record.stage, record.trial));
    Ok(records)
}

/// The digest of all records of a finished journal, in whichever order they were committed.
///
/// # Errors
/// The file cannot be read.
pub fn digest(path: &Path) -> Result<Digest> {
    let mut lines = Lines::open(path)?;
    let mut digests = Vec::new();
    lines.next()?;
    while let Some(line) = lines.next()? {
        digests.push(Digest::of(line));
    }
    digests.sort_unstable();
    Ok(Digest::of_parts(
        digests.iter().map(|it| it.bytes().as_slice()),
    ))
}

/// The whole lines of a journal; what follows the last of them was torn by a kill.
struct Lines {
    stream: Stream,
    line: Vec<u8>,
    /// How many were read.
    number: usize,
    /// Where the last of them ends, in bytes.
    end: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            stream: Stream::open(path, LARGEST)?,
            line: Vec::new(),
            number: 0,
            end: 0,
        })
    }

    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.stream.line(&mut self.line, LONGEST_LINE)?;
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Ok(None);
        };
        self.number += 1;
        self.end += self.line.len() as u64;
        Ok(Some(line))
    }
}

/// The records of a journal, and where its last whole line ends; nothing where not even the first is whole.
fn read_lines(path: &Path, run: Option<&Digest>) -> Result<(Known, u64)> {
    let mut lines = Lines::open(path)?;
    let mut known = HashMap::new();
    let Some(first) = lines.next()? else {
        return Ok((known, 0));
    };
    check_header(first, path, run)?;
    while let Some(line) = lines.next()? {
        let parsed = serde_json::from_slice::<Record>(line);
        let parsed = parsed.map_err(|fault| without_place(&fault));
        let record = parsed.map_err(|why| damaged(path, lines.number, &why))?;
        let name = (record.stage, record.trial);
        if known.insert(name, record).is_some() {
            return Err(damaged(path, lines.number, "this trial has a line already"));
        }
    }
    Ok((known, lines.end))
}

fn check_header(first: &[u8], path: &Path, run: Option<&Digest>) -> Result<()> {
    let header: Header =
        serde_json::from_slice(first).map_err(|fault| damaged(path, 1, &without_place(&fault)))?;
    if header.format != 1 {
        return Err(Error::input(format!(
            "this journal has format {}, and 1 is known here",
            header.format
        ))
        .in_file(path)
        .at(1, 1)
        .mend("read it with the version that wrote it"));
    }
    match run.filter(|run| **run != header.run) {
        None => Ok(()),
        Some(run) => Err(Error::integrity(format!(
            "this journal belongs to another run (it has {}, this is {})",
            header.run.short(),
            run.short()
        ))
        .in_file(path)
        .at(1, 1)
        .mend("start afresh with another `--out`, or restore what was changed")),
    }
}

fn damaged(path: &Path, line: usize, why: &str) -> Error {
    Error::integrity("this journal is damaged")
        .in_file(path)
        .at(line, 1)
        .because(why)
        .mend("restore the file; only its last line may be torn")
}

/// The path of a run's journal.
pub fn path_in(run: &Path) -> PathBuf {
    run.join("journal.jsonl")
}
