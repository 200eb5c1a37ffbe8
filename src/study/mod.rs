//! The main job: practise, dream, replay every arm, decide, report.

pub mod arms;
pub mod asked;
pub mod calibrating;
mod canaries;
pub mod conclusion;
mod dreaming;
pub mod gating;
pub mod labelling;
pub mod plan;
pub mod promoting;
pub mod rows;

use std::{path::Path, sync::Arc};

use crate::{
    domain::{
        dream::{Action, Dream},
        halt::Why,
        id::ArmName,
        memory::{Learning, Store},
        trial::Usage,
    },
    error::{Error, Result, count},
    files::Lock,
    formats::memory,
    promotion::selection::unite,
    runner::{
        self, Keep, Pace,
        bench::Bench,
        event::Event,
        journal::{self, Journal, Record},
        plan::PlannedTrial,
        reuse::Earlier,
        transcripts::{self, Pack, Settling},
    },
    study::{
        asked::Asked,
        plan::{Roster, practice, replay},
    },
};

/// A run with everything played: what conclusions are drawn from.
#[derive(Debug)]
pub struct Finished {
    /// The suite with its arms.
    pub bench: Arc<Bench>,
    /// The replay plan.
    pub trials: Arc<[PlannedTrial]>,
    /// One record per trial of it.
    pub records: Vec<Record>,
    /// One record per practice trial; none where there was no practice.
    pub practised: Vec<Record>,
    /// Attempts that were paid for and played anew, as the run was ended while they were under way.
    pub cut_short: Vec<Record>,
    /// What dreams took that came to nothing.
    pub dreamt_in_vain: Vec<Usage>,
    /// The dream, where there was one.
    pub dream: Option<Dream>,
    /// Index of the arm in question.
    pub candidate: Option<u16>,
    /// The pack of its transcripts, which is to be waited for before they are read.
    pub settling: Settling,
}

/// Plays a run to its end in `folder`, where a part of it may be played already.
///
/// Returns `None` where it was stopped before its end; what was played is in the journal.
///
/// # Errors
/// The folder belongs to another run, the disk fails, or the dreamer does.
pub async fn run(
    asked: &Asked,
    folder: &Path,
    pace: &Pace,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> Result<Option<Finished>> {
    run_reusing(asked, &Earlier::default(), folder, pace, observe).await
}

/// As [`run`], taking from earlier runs the replay trials that depend on nothing that changed.
///
/// # Errors
/// As [`run`].
pub async fn run_reusing(
    asked: &Asked,
    earlier: &Earlier,
    folder: &Path,
    pace: &Pace,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> Result<Option<Finished>> {
    asked.check_judge()?;
    let is_read_only = pace.halt.why() == Some(&Why::Reading);
    let lock = Arc::new(locked(folder, pace)?);
    let Some(platform) = asked.platform.as_ref().filter(|_| !is_read_only) else {
        return play_through(asked, earlier, (folder, lock), pace, observe).await;
    };
    platform.begin(&asked.fingerprint(), folder).await?;
    let held = Arc::clone(&lock);
    let finished = match dreaming::look_ahead(asked, folder, pace).await {
        Ok(()) => play_through(asked, earlier, (folder, held), pace, observe).await,
        Err(fault) => Err(fault),
    };
    let is_over = matches!(finished, Ok(Some(_)));
    let ended = platform.end(is_over, Some(folder)).await?;
    let changed = ended.changed.clone();
    observe(&Event::Tidied(ended));
    match changed.as_slice() {
        [] => finished,
        [first, ..] => Err(Error::integrity(format!(
            "{} on the platform is not what was put there, so arms may have been given something else",
            count(changed.len(), "store")
        ))
        .because(first)
        .mend("find out who else writes to stores of this workspace, and start afresh with another `--out`")),
    }
}

async fn play_through(
    asked: &Asked,
    earlier: &Earlier,
    (folder, lock): (&Path, Arc<Lock>),
    pace: &Pace,
    observe: &mut (dyn FnMut(&Event) + Send),
) -> Result<Option<Finished>> {
    let mut journal = Journal::resume(&journal::path_in(folder), &asked.fingerprint())?;
    let cut_short = paid_in_vain(asked, folder, pace)?;
    let dreamt_in_vain = dreaming::in_vain(folder, pace)?;
    let mut pack = Pack::open(&transcripts::path_in(folder))?;
    let mut bench = bench_of(asked)?;
    let stored = add_store(&mut bench, "stored", asked.suite.memory.clone())?;
    let (mut dream, mut practised) = (None, Vec::new());
    if asked.memory.is_none() && asked.wants("dreamed") {
        let trials: Arc<[PlannedTrial]> =
            practice(&asked.suite, &asked.amount, stored, asked.seed).into();
        let practising = Arc::new(bench);
        let keep = Keep {
            journal: &mut journal,
            pack: &mut pack,
            earlier,
        };
        let Some(records) = runner::play(&practising, &trials, pace, keep, observe).await? else {
            return Ok(None);
        };
        bench = Arc::try_unwrap(practising)
            .map_err(|_| Error::bug("a worker still holds the bench"))?;
        dream = dreaming::dream_over(asked, &records, folder, pace, observe).await?;
        if dream.is_none() {
            return Ok(None);
        }
        practised = records;
    }
    let dreamt = dream.as_ref().map(|it| it.store.clone());
    let candidate_store = asked.memory.clone().or(dreamt);
    let mut roster = add_arms(&mut bench, asked, stored, candidate_store)?;
    if let Some(dream) = dream.as_ref().filter(|_| asked.tries_dropped) {
        add_dropped(&mut bench, &mut roster, dream, &asked.suite.memory)?;
    }
    let (suite, amount) = (&asked.suite, &asked.amount);
    let trials: Arc<[PlannedTrial]> =
        replay(suite, &bench.arms, &roster, amount, asked.seed).into();
    let bench = Arc::new(bench);
    let keep = Keep {
        journal: &mut journal,
        pack: &mut pack,
        earlier,
    };
    let Some(records) = runner::play(&bench, &trials, pace, keep, observe).await? else {
        return Ok(None);
    };
    journal.expect_nothing_more(&journal::path_in(folder))?;
    Ok(Some(Finished {
        settling: pack.settle_beside(lock),
        bench,
        trials,
        records,
        practised,
        dream,
        candidate: roster.attributed,
        cut_short,
        dreamt_in_vain,
    }))
}

/// The suite set up for play, with whom was asked for.
fn bench_of(asked: &Asked) -> Result<Bench> {
    let (suite, agent) = (Arc::clone(&asked.suite), Arc::clone(&asked.agent));
    let mut bench = Bench::new(suite, agent, asked.seed)?;
    bench.judged_by(asked.judge.clone());
    Ok(bench)
}

/// Attributes what the dream dropped beside what it wrote, where it dropped anything.
fn add_dropped(bench: &mut Bench, roster: &mut Roster, dream: &Dream, input: &Store) -> Result<()> {
    let store = dropped(dream, input);
    if store != dream.store {
        roster.attributed = Some(add_store(bench, "with-dropped", store)?);
    }
    Ok(())
}

/// Attempts that were paid for and are played anew; they count against the bound.
fn paid_in_vain(asked: &Asked, folder: &Path, pace: &Pace) -> Result<Vec<Record>> {
    let cut_short = journal::cut_short(folder)?;
    let is_free = asked.agent.is_repeatable();
    cut_short.iter().for_each(|it| pace.note(it, is_free));
    Ok(cut_short)
}

/// What the dream wrote, and beside it what it dropped or replaced.
fn dropped(dream: &Dream, input: &Store) -> Store {
    let old = memory::learnings(input).learnings;
    let new = memory::learnings(&dream.store).learnings;
    let is_dropped = |it: &&Learning| {
        dream.changes.iter().any(|change| {
            change.id.as_ref() == Some(&it.id)
                && matches!(change.action, Action::Dropped | Action::Superseded)
        }) && !new.iter().any(|new| new.id == it.id)
    };
    let dropped: Vec<&Learning> = old.iter().filter(is_dropped).collect();
    unite(&dream.store, input, &dropped)
}

/// The right to go on with a run, shared by those who only read it.
fn locked(folder: &Path, pace: &Pace) -> Result<Lock> {
    let path = journal::path_in(folder);
    let lock = match pace.halt.why() {
        Some(Why::Reading) => Lock::share(&path)?,
        _ => Lock::take(&path)?,
    };
    lock.ok_or_else(|| {
        Error::outside("another process is at work on this run")
            .in_file(folder)
            .mend("wait until it has ended, then try again")
    })
}

fn add_store(bench: &mut Bench, name: &str, store: Store) -> Result<u16> {
    let learnings = memory::learnings(&store);
    bench.add_arm(ArmName::new(name), store, learnings)
}

/// Adds every arm that was asked for; an arm's index is its place on the bench.
fn add_arms(
    bench: &mut Bench,
    asked: &Asked,
    stored: u16,
    candidate: Option<Store>,
) -> Result<Roster> {
    let mut roster = Roster {
        replayed: Vec::new(),
        swept: Vec::new(),
        attributed: None,
    };
    if asked.wants("bare") {
        let bare = add_store(bench, "bare", Store::default())?;
        roster.replayed.push(bare);
        roster.swept.push(bare);
    }
    if asked.wants("stored") {
        roster.replayed.push(stored);
    }
    if let Some(store) = candidate {
        let dreamed = add_store(bench, "dreamed", store)?;
        roster.replayed.push(dreamed);
        roster.swept.push(dreamed);
        roster.attributed = Some(dreamed);
        if asked.wants("placebo")
            && let Some(world) = asked.suite.world()
        {
            let arm = &bench.arms[usize::from(dreamed)];
            let store = arms::placebo(&arm.learnings, &arm.readings, world);
            let placebo = add_store(bench, "placebo", store)?;
            roster.replayed.push(placebo);
            roster.swept.push(placebo);
        }
    }
    if asked.wants("oracle")
        && let Some(world) = asked.suite.world()
    {
        let oracle = add_store(bench, "oracle", arms::oracle(world))?;
        roster.replayed.push(oracle);
    }
    for (name, store) in &asked.extra {
        let extra = add_store(bench, name.as_str(), store.clone())?;
        roster.replayed.push(extra);
    }
    Ok(roster)
}
