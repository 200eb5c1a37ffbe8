//! The dream of a run: dreamt once, and kept whole where the dreamer would not dream the same again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{dream::Dream, halt::Why, id::Digest, session::Session, trial::Usage},
    dreaming::{InVain, untouched},
    error::{Error, ErrorKind, Result, without_place},
    files::{self, Appender},
    formats::{
        memory,
        transcript::{read_session, write_session},
    },
    runner::{
        Pace,
        event::Event,
        journal::Record,
        transcripts::{self, Library},
    },
    study::asked::Asked,
};

/// The file for dreams that came to nothing, one a line.
const IN_VAIN: &str = "dreams-in-vain.jsonl";

/// A kept dream and what it was dreamt over.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    format: u32,
    /// Digest over dreamer, sessions and store.
    over: Digest,
    dream: Dream,
}

/// Dreams over the practice sessions and the suite's store, which stays as it is; a dream that is kept already is taken.
/// `None` where the dreamer would have to be asked and the run was stopped, as by those who only read it.
///
/// # Errors
/// The dreamer fails, changed its input, or the kept dream is not one over these sessions.
pub(super) async fn dream_over(
    asked: &Asked,
    practised: &[Record],
    folder: &Path,
    pace: &Pace,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> Result<Option<Dream>> {
    let is_costly = !asked.dreamer.is_repeatable();
    let is_stopped = pace.halt.is_set();
    if is_costly && is_stopped && !files::exists(&place(folder)) {
        return Ok(None);
    }
    let store = &asked.suite.memory;
    let sessions = sessions_of(&transcripts::path_in(folder), practised)?;
    let over = over(asked, &sessions);
    let dream = match kept(folder, &over)? {
        Some(dream) => dream,
        None => {
            if is_costly && !can_pay(asked, &sessions, pace, observe) {
                return Ok(None);
            }
            let slept = asked.dreamer.dream(&sessions, store).await;
            let dream = match slept.and_then(untouched) {
                Ok(dream) => dream,
                Err(InVain { error, usage }) => {
                    if let Some(usage) = usage.filter(|_| is_costly) {
                        note_in_vain(folder, &usage)?;
                    }
                    // Whoever was told to stop has done so.
                    let is_told = was_asked_to_stop(pace) && error.kind() == ErrorKind::Outside;
                    return if is_told { Ok(None) } else { Err(error) };
                }
            };
            if is_costly {
                keep(folder, over, &dream)?;
            }
            dream
        }
    };
    if is_costly {
        pace.pay(dream.usage.and_then(|it| it.cost_usd));
    }
    observe(&Event::Dreamed {
        sessions: dream.sessions as usize,
        learnings: memory::learnings(&dream.store).learnings.len(),
    });
    Ok(Some(dream))
}

/// Tells that a dream begins, and what it may cost; `false` where too little is left for it.
fn can_pay(
    asked: &Asked,
    sessions: &[Session],
    pace: &Pace,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> bool {
    let cost = asked.dreamer.forecast(sessions, &asked.suite.memory);
    let least = cost.as_ref().map(|it| it.start);
    // What was begun is paid for already.
    if !asked.dreamer.has_begun() && !pace.covers(least, "the dream") {
        return false;
    }
    let sessions = sessions.len();
    observe(&Event::Dreaming { sessions, cost });
    true
}

/// Notes what a dream took that came to nothing.
fn note_in_vain(folder: &Path, usage: &Usage) -> Result<()> {
    let line = serde_json::to_string(usage)
        .map_err(|fault| Error::bug("what a dream took could not be written").because(fault))?;
    let mut appender = Appender::open(&folder.join(IN_VAIN))?;
    appender.append(format!("{line}\n").as_bytes())?;
    appender.sync()
}

/// What dreams of this run took that came to nothing, in their order; it counts against the bound. A line a kill has
/// torn is left out.
///
/// # Errors
/// The file cannot be read.
pub(super) fn in_vain(folder: &Path, pace: &Pace) -> Result<Vec<Usage>> {
    let path = folder.join(IN_VAIN);
    if !files::exists(&path) {
        return Ok(Vec::new());
    }
    let text = files::read_text(&path)?;
    let lines = text.lines().map(serde_json::from_str);
    let all: Vec<Usage> = lines.filter_map(std::result::Result::ok).collect();
    all.iter().for_each(|it| pace.pay(it.cost_usd));
    Ok(all)
}

/// Looks whether there can be a dream, before practice is spent on it.
///
/// # Errors
/// There cannot.
pub(super) async fn look_ahead(asked: &Asked, folder: &Path, pace: &Pace) -> Result<()> {
    let is_dreamt = asked.memory.is_none() && asked.wants("dreamed");
    match is_dreamt && !pace.halt.is_set() && !files::exists(&place(folder)) {
        true => asked.dreamer.look_ahead().await,
        false => Ok(()),
    }
}

/// Whether the run was stopped by whoever runs it, and not by a provider.
fn was_asked_to_stop(pace: &Pace) -> bool {
    matches!(pace.halt.why(), Some(Why::Interrupted | Why::Spent(_)))
}

/// The practice sessions, as their transcripts tell them, in plan order.
fn sessions_of(pack: &Path, records: &[Record]) -> Result<Vec<Session>> {
    let library = if files::exists(pack) {
        Library::read(pack)?
    } else {
        return Ok(Vec::new());
    };
    let mut sessions = Vec::new();
    for digest in records
        .iter()
        .filter_map(|record| record.transcript.as_ref())
    {
        sessions.push(read_session(&library.get(digest)?, pack)?);
    }
    Ok(sessions)
}

fn place(folder: &Path) -> PathBuf {
    folder.join("dreamt.json")
}

fn over(asked: &Asked, sessions: &[Session]) -> Digest {
    let name = asked.dreamer.name();
    let store = asked.suite.memory.digest().to_string();
    let written: Vec<String> = sessions.iter().map(write_session).collect();
    let parts = [name.as_str(), store.as_str()];
    Digest::of_parts(
        parts
            .into_iter()
            .chain(written.iter().map(String::as_str))
            .map(str::as_bytes),
    )
}

fn kept(folder: &Path, over: &Digest) -> Result<Option<Dream>> {
    let path = place(folder);
    if !files::exists(&path) {
        return Ok(None);
    }
    let kept: Kept = serde_json::from_str(&files::read_text(&path)?).map_err(|fault| {
        Error::integrity("this is not a dream as it was kept")
            .in_file(&path)
            .because(without_place(&fault))
            .mend("restore the file, or start afresh with another `--out`")
    })?;
    match kept.over == *over {
        true => Ok(Some(kept.dream)),
        false => Err(
            Error::integrity("this dream was dreamt over other sessions than this run's")
                .in_file(&path)
                .mend("restore the file, or start afresh with another `--out`"),
        ),
    }
}

fn keep(folder: &Path, over: Digest, dream: &Dream) -> Result<()> {
    let kept = Kept {
        format: 1,
        over,
        dream: dream.clone(),
    };
    let text = serde_json::to_string_pretty(&kept)
        .map_err(|fault| Error::bug("the dream could not be written").because(fault))?;
    files::write(&place(folder), format!("{text}\n").as_bytes())
}
