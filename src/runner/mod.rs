//! Plan to journal: plays trials, commits what came of them, and never plays a committed one again.

pub mod bench;
pub mod event;
mod intake;
pub mod journal;
pub mod plan;
pub mod purse;
pub mod reuse;
pub mod transcripts;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    domain::{
        halt::{Halt, Why},
        trial::Outcome,
    },
    error::{Error, Result},
    runner::{
        bench::{Bench, Played},
        event::Event,
        intake::Intake,
        journal::{Journal, Record},
        plan::PlannedTrial,
        purse::Purse,
        reuse::Earlier,
        transcripts::Pack,
    },
};

/// Longest time between two commits, and most records in one.
const COMMIT_EVERY: Duration = Duration::from_millis(50);
const COMMIT_AT: usize = 1000;
/// Handfuls that may wait while a commit is on its way to the disk, so that no worker waits for it.
const WAITING: usize = 4 * COMMIT_AT / HANDFUL;
/// Trials in a row that may break, the fault being whoever attempts, before the run is ended.
const MOST_BROKEN: usize = 16;
/// How long what comes in is let gather, so that not every trial wakes whoever commits.
const GATHER: Duration = Duration::from_millis(2);
/// Most trials a worker takes at once.
const HANDFUL: usize = 16;

/// How a stage is played.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Trials under way at once.
    pub workers: usize,
    /// Set to end after the trials under way.
    pub halt: Arc<Halt>,
    /// The money all trials may cost, where there is a bound.
    pub purse: Option<Arc<Purse>>,
}

impl Pace {
    /// Counts against the bound what an earlier session paid; attempts themselves cost nothing where one `is_free`.
    pub fn note(&self, record: &Record, is_free: bool) {
        if let Some(purse) = &self.purse {
            purse.note(record.cost(is_free));
        }
    }

    /// Whether something that is no trial and costs no less than this can be paid for; where it cannot, the run is over.
    pub fn covers(&self, least: Option<f64>, what: &str) -> bool {
        let purse = self.purse.as_ref();
        purse.is_none_or(|it| it.covers(least, what))
    }

    /// Counts something that is no trial against the bound; `None` where nobody says what it cost.
    pub fn pay(&self, dollars: Option<f64>) {
        if let Some(purse) = &self.purse {
            purse.pay(dollars);
        }
    }
}

/// Where a stage's results go.
#[derive(Debug)]
pub struct Keep<'a> {
    /// One record per trial.
    pub journal: &'a mut Journal,
    /// Transcripts by digest.
    pub pack: &'a mut Pack,
    /// Runs whose trials need not be played again.
    pub earlier: &'a Earlier,
}

/// Plays every planned trial the journal lacks. A trial counts once it is committed.
///
/// Returns the records of the whole stage in plan order, or `None` where it was stopped before its end.
///
/// # Errors
/// The journal or the transcripts cannot be written.
pub async fn play(
    bench: &Arc<Bench>,
    trials: &Arc<[PlannedTrial]>,
    pace: &Pace,
    mut keep: Keep<'_>,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> Result<Option<Vec<Record>>> {
    let stage = trials.first().map(|trial| trial.stage);
    let mut records: Vec<Option<Record>> = trials
        .iter()
        .map(|trial| keep.journal.take(trial))
        .collect();
    let resumed = records.iter().flatten().count();
    observe(&Event::StageBegan {
        stage,
        planned: trials.len(),
        resumed,
        arms: bench.arms.iter().map(|arm| arm.name.to_string()).collect(),
    });
    for (trial, record) in trials.iter().zip(&records) {
        let Some(record) = record else { continue };
        observe(&Event::committed(trial, record));
        pace.note(record, bench.is_free());
    }
    reuse(bench, trials, &mut records, &mut keep, observe)?;
    let missing: Arc<[usize]> = (0..trials.len())
        .filter(|index| records[*index].is_none())
        .collect();
    let (mut workers, receiver) = set_to_work(bench, trials, &missing, pace);
    let mut hall = Hall {
        trials,
        records,
        keep,
        observe,
    };
    hall.receive(receiver, bench.handful(), &pace.halt).await?;
    let Hall {
        records, observe, ..
    } = hall;
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|fault| Error::bug("a worker ended in a panic").because(fault))?;
    }
    observe(&Event::StageEnded { stage });
    let whole: Option<Vec<Record>> = records.into_iter().collect();
    if whole.is_none() && !pace.halt.is_set() {
        return Err(Error::bug("a worker ended before its trials did"));
    }
    Ok(whole)
}

/// Where played trials come in and are committed.
struct Hall<'a, 'b> {
    trials: &'a [PlannedTrial],
    records: Vec<Option<Record>>,
    keep: Keep<'a>,
    observe: &'b mut (dyn FnMut(&Event) + Send),
}

impl Hall<'_, '_> {
    /// Commits what comes in until the last worker has ended; a handful is so many trials.
    async fn receive(
        &mut self,
        mut receiver: mpsc::Receiver<Vec<Played>>,
        handful: usize,
        halt: &Halt,
    ) -> Result<()> {
        let stage = self.trials.first().map(|trial| trial.stage);
        let mut intake = Intake::default();
        let mut since = Instant::now();
        loop {
            let left = COMMIT_EVERY.saturating_sub(since.elapsed());
            let mut handfuls = Vec::new();
            let most = COMMIT_AT
                .saturating_sub(intake.waiting.len())
                .max(1)
                .div_ceil(handful);
            let received = receiver.recv_many(&mut handfuls, most);
            let is_over = tokio::time::timeout(left, received).await == Ok(0);
            handfuls
                .into_iter()
                .flatten()
                .for_each(|it| intake.take(it));
            if is_over {
                intake.end(stage, &self.records, halt);
            }
            intake.set_aside(self.keep.journal)?;
            if is_over || intake.waiting.len() >= COMMIT_AT || since.elapsed() >= COMMIT_EVERY {
                self.commit(&mut intake.waiting)?;
                since = Instant::now();
            }
            if is_over {
                return Ok(());
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    fn commit(&mut self, waiting: &mut Vec<Played>) -> Result<()> {
        commit(waiting, self.keep.journal, self.keep.pack)?;
        for played in waiting.drain(..) {
            let trial = &self.trials[played.position];
            (self.observe)(&Event::committed(trial, &played.record));
            self.records[played.position] = Some(played.record);
        }
        Ok(())
    }
}

/// Takes from earlier runs what need not be played, and commits it.
fn reuse(
    bench: &Bench,
    trials: &[PlannedTrial],
    records: &mut [Option<Record>],
    keep: &mut Keep<'_>,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> Result<()> {
    let mut reused = keep.earlier.take(bench, trials, records);
    if !reused.is_empty() {
        observe(&Event::Reused {
            trials: reused.len(),
        });
    }
    for handful in reused.chunks_mut(COMMIT_AT) {
        commit(handful, keep.journal, keep.pack)?;
        for played in handful {
            let trial = &trials[played.position];
            observe(&Event::committed(trial, &played.record));
            records[played.position] = Some(played.record.clone());
        }
    }
    Ok(())
}

/// Starts the workers; what they play comes out of the receiver, which closes when the last of them ends.
fn set_to_work(
    bench: &Arc<Bench>,
    trials: &Arc<[PlannedTrial]>,
    missing: &Arc<[usize]>,
    pace: &Pace,
) -> (JoinSet<()>, mpsc::Receiver<Vec<Played>>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let next = Arc::new(AtomicUsize::new(0));
    let broken = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..pace.workers.clamp(1, missing.len().max(1)) {
        let worker = Worker {
            bench: Arc::clone(bench),
            trials: Arc::clone(trials),
            missing: Arc::clone(missing),
            next: Arc::clone(&next),
            broken: Arc::clone(&broken),
            halt: Arc::clone(&pace.halt),
            purse: pace.purse.clone(),
        };
        workers.spawn(worker.work(sender.clone()));
    }
    (workers, receiver)
}

/// Transcripts first, then the records that name them; both are on the disk when this returns.
fn commit(waiting: &mut [Played], journal: &mut Journal, pack: &mut Pack) -> Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    for played in waiting.iter_mut() {
        if let Some(transcript) = played.transcript.take() {
            pack.add(&transcript)?;
        }
    }
    pack.sync()?;
    journal.append(waiting.iter().map(|played| played.line.as_str()))
}

struct Worker {
    bench: Arc<Bench>,
    trials: Arc<[PlannedTrial]>,
    missing: Arc<[usize]>,
    next: Arc<AtomicUsize>,
    /// Trials that broke since one was graded.
    broken: Arc<AtomicUsize>,
    halt: Arc<Halt>,
    purse: Option<Arc<Purse>>,
}

impl Worker {
    /// Ends the run where one trial after the other breaks: no other will fare better.
    fn watch(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Graded(_) => self.broken.store(0, Ordering::Relaxed),
            Outcome::Broken(why) => {
                let in_a_row = self.broken.fetch_add(1, Ordering::Relaxed) + 1;
                if MOST_BROKEN <= in_a_row {
                    let told = format!("{in_a_row} trials in a row broke, the last one as {why}");
                    self.halt.set(Why::Down(told));
                }
            }
        }
    }

    async fn work(self, sender: mpsc::Sender<Vec<Played>>) {
        let handful = self.bench.handful();
        loop {
            let from = self.next.fetch_add(handful, Ordering::Relaxed);
            if from >= self.missing.len() || self.halt.is_set() {
                return;
            }
            let to = (from + handful).min(self.missing.len());
            let mut played = Vec::with_capacity(handful);
            for position in &self.missing[from..to] {
                if let Some(purse) = &self.purse
                    && !purse.begin().await
                {
                    break;
                }
                let mut one = self.bench.play(&self.trials[*position], *position).await;
                if let Some(purse) = &self.purse {
                    purse.end(one.record.cost(self.bench.is_free()));
                }
                self.watch(&one.record.outcome);
                // What broke while the run is being ended, by a provider that is down above all, was not the trial's
                // turn: it is left for `--resume`.
                one.is_cut_short = one.record.outcome.completed().is_none() && self.halt.is_set();
                played.push(one);
            }
            if sender.send(played).await.is_err() {
                return;
            }
        }
    }
}
