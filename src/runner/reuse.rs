//! Trials of earlier runs, found by what they depend on, so that a change replays only what it can touch.
//!
//! The key of a trial is a digest over the task (its brief, its name, its grader), the setting, the agent, this
//! program's version, the texts it is given in their order, the seed, the budget, the lane and the repeat. Two trials
//! of one key come out alike, whatever run, arm or number they have; so a record says which of the *given* learnings
//! were shown by their place, and its key is all that is needed to find it.

use std::{collections::HashMap, path::Path};

use crate::{
    domain::{id::Digest, memory::Learning, suite::Suite, task::Task, trial::Outcome},
    error::{Error, Result},
    files,
    formats::transcript::{read_session, write_session},
    runner::{
        bench::{Arm, Bench, Played},
        journal::{self, ContentKey, Record},
        plan::{Lane, PlannedTrial, Stage},
        transcripts::{self, Frame, Library},
    },
};

/// Earlier runs, by what their trials depended on.
#[derive(Debug, Default)]
pub struct Earlier {
    packs: Vec<Option<Library>>,
    /// The run a record is of, and the record.
    known: HashMap<ContentKey, (usize, Record)>,
}

impl Earlier {
    /// Adds a run, finished or not; `run` is the fingerprint of its `run.json`. Where two runs hold the same trial, the
    /// first one added gives it.
    ///
    /// # Errors
    /// Its journal cannot be read, belongs to another run, or is damaged.
    pub fn add(&mut self, folder: &Path, run: &Digest) -> Result<()> {
        let path = journal::path_in(folder);
        if !files::exists(&path) {
            return Err(Error::input("this run has no journal to reuse")
                .in_file(folder)
                .mend("name a run that was played, or leave out this `--reuse`"));
        }
        let pack = transcripts::path_in(folder);
        // A pack that cannot be read costs some replays and no more.
        let library = files::exists(&pack).then(|| Library::read(&pack).ok());
        let number = self.packs.len();
        self.packs.push(library.flatten());
        for record in journal::read_of(&path, run)? {
            let Some(key) = reusable(&record) else {
                continue;
            };
            let has_more = |it: &Record| it.transcript.is_some() || record.transcript.is_none();
            if !self.known.get(&key).is_some_and(|(_, it)| has_more(it)) {
                self.known.insert(key, (number, record));
            }
        }
        Ok(())
    }

    /// The trials of a plan that need not be played, in plan order; `records` holds those committed already.
    pub fn take(
        &self,
        bench: &Bench,
        trials: &[PlannedTrial],
        records: &[Option<Record>],
    ) -> Vec<Played> {
        if self.known.is_empty() {
            return Vec::new();
        }
        trials
            .iter()
            .zip(records)
            .enumerate()
            .filter(|(_, (_, record))| record.is_none())
            .filter_map(|(position, (trial, _))| self.played(bench, trial, position))
            .collect()
    }

    /// The trial as the earlier run played it, under its number in this run.
    fn played(&self, bench: &Bench, trial: &PlannedTrial, position: usize) -> Option<Played> {
        let (run, record) = self.known.get(&bench.content_key(trial)?)?;
        let transcript = match bench.keeps_transcript(trial) {
            true => {
                let library = self.packs.get(*run)?.as_ref()?;
                let kept = library.get(record.transcript.as_ref()?).ok()?;
                Some(told_of(&kept, &bench.arm_word(trial))?)
            }
            false => None,
        };
        let record = Record {
            trial: trial.number,
            transcript: transcript.as_ref().map(|it| *it.digest()),
            reused: true,
            ..record.clone()
        };
        Some(Played {
            position,
            line: serde_json::to_string(&record).ok()?,
            record,
            transcript,
            is_cut_short: false,
        })
    }
}

/// The key of a record that another run may take.
fn reusable(record: &Record) -> Option<ContentKey> {
    match (&record.outcome, record.stage) {
        (Outcome::Graded(_), Stage::Replay) => record.key.clone(),
        (Outcome::Broken(_), _) | (_, Stage::Practice) => None,
    }
}

/// A kept transcript under the name of another arm.
fn told_of(kept: &str, arm: &str) -> Option<Frame> {
    let mut session = read_session(kept, Path::new("transcripts")).ok()?;
    session.start.arm = arm.to_owned();
    Frame::of(&write_session(&session)).ok()
}

/// For each task, the digest of all a trial of it depends on in the suite and its agent.
///
/// # Errors
/// A bug of ours: a brief cannot be written.
pub fn grounds(suite: &Suite, agent: &str) -> Result<Vec<Digest>> {
    let part = |name: &str| {
        suite
            .digests
            .get(name)
            .map_or_else(String::new, ToString::to_string)
    };
    let setting = [part("setting"), part("tools"), part("tool servers")].concat();
    let ground = |task: &Task| {
        let brief = serde_json::to_string(&task.brief)
            .map_err(|fault| Error::bug("a brief could not be written").because(fault))?;
        let grader = task.grader_digest.to_string();
        let parts = [
            env!("CARGO_PKG_VERSION"),
            agent,
            &setting,
            task.id.as_str(),
            &grader,
            &brief,
        ];
        Ok(Digest::of_parts(parts.map(str::as_bytes)))
    };
    suite.tasks.iter().map(ground).collect()
}

/// The digest of what an agent is given of a learning: its text and the roles it is for.
pub fn content(learning: &Learning) -> Digest {
    let text = std::iter::once(&learning.text);
    Digest::of_parts(text.chain(&learning.roles).map(String::as_bytes))
}

/// The key of a trial on a task's `ground` with a seed, given these learnings of its arm.
pub fn key(
    trial: &PlannedTrial,
    (ground, seed): (&Digest, u64),
    arm: &Arm,
    given: &[u16],
) -> ContentKey {
    let lane = match trial.lane {
        Lane::Practice => "practice",
        Lane::Arms => "arms",
        Lane::Foldover => "foldover",
        Lane::Canary => "canary",
        Lane::Own => arm.name.as_str(),
    };
    let is_own = trial.lane == Lane::Own;
    let address = format!("{seed} {} {} {lane} {is_own}", trial.repeat, trial.steps);
    let contents = given
        .iter()
        .map(|it| arm.contents[usize::from(*it)].bytes().as_slice());
    let parts = [ground.bytes().as_slice(), address.as_bytes()];
    ContentKey::of(&Digest::of_parts(parts.into_iter().chain(contents)))
}
