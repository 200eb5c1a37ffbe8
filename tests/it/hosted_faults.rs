//! A platform that drops, repeats, cuts and delays: nothing is made twice, nothing is done twice, nothing is left.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dreameval::{
    domain::halt::{Halt, Why},
    files::TemporaryFolder,
    http::Clock,
    runner::Pace,
    study,
};

use crate::{
    hosted_room::{Set, clerk, dream, is_whole, rate, setup},
    platform::{Counts, Ending, Fault, Logged, Platform, Setup, Step, When},
};

/// Completed trials by arm, and what was made.
fn played(platform: &Platform) -> (Vec<(usize, usize)>, Counts) {
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = Set::of(&platform.address).run(folder.path());
    let ended = ran.ended.clone();
    let finished = ran.finished();
    let told: Vec<_> = finished.records.iter().filter(|it| !is_whole(it)).collect();
    assert!(told.is_empty(), "{:?}", told[0].outcome);
    assert_eq!(ended.unwrap().left, Vec::<String>::new());
    let rates = ["bare", "stored", "dreamed"].map(|arm| rate(&finished, arm));
    (rates.to_vec(), platform.counts())
}

fn undisturbed() -> (Vec<(usize, usize)>, BTreeMap<&'static str, usize>) {
    let (rates, counts) = played(&setup().start());
    (rates, counts.made)
}

#[test]
fn trap_03_an_answer_lost_after_the_deed_makes_nothing_twice() {
    let expected = undisturbed();
    let creations = [
        "/v1/agents",
        "/v1/environments",
        "/memories",
        "/v1/memory_stores",
        "/v1/sessions",
        "/events",
        "/v1/dreams",
    ];
    for fault in [Fault::DropAfter, Fault::Half, Fault::Garbled] {
        let platform = setup().start();
        for path in creations {
            platform.misbehave(When::next("POST", path).times(3), fault.clone());
        }
        let (rates, counts) = played(&platform);
        assert_eq!((rates, counts.made), expected);
        assert_eq!(counts.left, [].into());
    }
}

#[test]
fn a_third_of_faults_breaks_no_trial_and_makes_nothing_twice() {
    let expected = undisturbed();
    let platform = setup().start();
    let faults = [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::server_error(),
        Fault::overloaded(),
        Fault::Half,
        Fault::Garbled,
        Fault::rate_limited(Some("1")),
        Fault::Cut(2, Ending::Dropped),
        Fault::Cut(1, Ending::Inside),
    ];
    // Every request whose number has this remainder: three in ten, never two faults on one.
    let mut mixed: u32 = 7;
    for number in 0..6000 {
        mixed = mixed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let draw = mixed >> 16;
        if draw % 10 < 3 {
            let fault = faults[(draw / 10) as usize % faults.len()].clone();
            platform.misbehave(When::request(number), fault);
        }
    }
    let (rates, counts) = played(&platform);
    assert_eq!((rates, counts.made), expected);
    assert_eq!(counts.left, [].into());
}

#[test]
fn trap_08_streams_that_are_cut_or_repeat_themselves_lose_and_double_nothing() {
    let expected = undisturbed();
    let faults = [
        Fault::Cut(0, Ending::Clean),
        Fault::Cut(1, Ending::Dropped),
        Fault::Cut(2, Ending::Inside),
        Fault::Twice,
        Fault::ErrorEvent(1, "overloaded_error".to_owned()),
    ];
    for fault in faults {
        let platform = setup().start();
        let streams = When::next("GET", "/events/stream").times(2000);
        platform.misbehave(streams, fault.clone());
        let (rates, counts) = played(&platform);
        assert_eq!((rates, counts.made), expected, "{fault:?}");
    }
}

#[test]
fn a_run_stopped_in_practice_keeps_what_its_dream_needs_and_names_it() {
    let stop = Arc::new(Halt::default());
    let seen = Arc::new(Mutex::new(0));
    let (own, counted) = (Arc::clone(&stop), Arc::clone(&seen));
    let platform = Setup::new()
        .script(move |scene| {
            if scene.turn == 0 {
                *counted.lock().unwrap() += 1;
            }
            if 3 <= *counted.lock().unwrap() {
                own.set(Why::Interrupted);
            }
            clerk(scene)
        })
        .dream(dream)
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut set = Set::of(&platform.address);
    set.workers = 1;
    let ran = set.run_until(folder.path(), &stop);
    assert!(ran.finished.unwrap().is_none());
    let ended = ran.ended.unwrap();
    let left = platform.counts().left;
    assert_eq!((ended.kept.len(), ended.left), (3, vec![]));
    assert_eq!(left["session"].len(), 3);
    assert!(!left.contains_key("memory_store"), "{left:?}");

    *seen.lock().unwrap() = -1000;
    let set = Set::of(&platform.address);
    let ran = set.run(folder.path());
    let practised = platform.requests("POST", "/v1/sessions");
    assert!(ran.ended.as_ref().unwrap().kept.is_empty());
    ran.finished();
    assert_eq!(platform.counts().left, [].into());
    let whole = setup().start();
    let other = TemporaryFolder::create("hosted").unwrap();
    Set::of(&whole.address).run(other.path()).finished();
    // What was practised before the stop was not practised again.
    let sessions = |it: &Platform| it.counts().made["session"];
    assert_eq!(sessions(&platform), sessions(&whole), "{practised}");
}

#[test]
fn a_stopped_run_cancels_its_dream_and_dreams_on_resume() {
    let platform = setup().pace(|pace| pace.polls_tick = false).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut set = Set::of(&platform.address);
    set.settings.clock = Clock::wall();
    let stop = Arc::clone(&set.settings.halt);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(platform.wait_until(|it| it.requests("POST", "/v1/dreams") == 1));
            stop.set(Why::Interrupted);
            let is_canceled =
                |it: &Platform| it.log().iter().any(|it| it.path.ends_with("/cancel"));
            assert!(platform.wait_until(is_canceled));
        });
        set.run(folder.path())
    });
    let ended = ran.ended.clone().unwrap();
    assert!(matches!(ran.finished, Ok(None)));
    assert!(!ended.kept.is_empty() && ended.left.is_empty(), "{ended:?}");
    let left = platform.counts().left;
    assert_eq!(
        left.keys().copied().collect::<Vec<_>>(),
        ["agent", "environment", "session"]
    );

    platform.pace(|pace| pace.polls_tick = true);
    let finished = Set::of(&platform.address).run(folder.path()).finished();
    assert!(finished.dream.is_some());
    assert_eq!(platform.counts().left, [].into());
}

/// A run that dies as soon as something is so: nothing of it is cleaned up.
fn killed_when(set: &Set, folder: &Path, is_so: impl Fn() -> bool) {
    let asked = set.asked();
    std::fs::create_dir_all(folder.join("transcripts")).unwrap();
    let pace = Pace {
        workers: set.workers,
        halt: Arc::default(),
        purse: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut unheard = |_: &_| ();
    let run = study::run(&asked, folder, &pace, &mut unheard);
    let killed = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    runtime.block_on(async {
        tokio::select! { _ = run => panic!("it ended"), () = killed => {} }
    });
}

#[test]
fn what_a_killed_run_left_is_found_by_its_mark_and_removed_on_resume() {
    let platform = setup().pace(|pace| pace.polls_tick = false).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let path = folder.path().to_owned();
    let mut set = Set::of(&platform.address);
    set.settings.clock = Clock::wall();
    killed_when(&set, &path, || platform.requests("POST", "/v1/dreams") == 1);
    let left = platform.counts().left;
    assert!(left.contains_key("memory_store") && left.contains_key("dream"));
    let begun = || {
        let log = platform.log();
        let is_one = |it: &&Logged| it.method == "POST" && it.path == "/v1/sessions";
        log.iter().filter(is_one).count()
    };
    let practised = begun();

    // Its dream goes on meanwhile, and writes a store that bears no mark.
    platform.tick(&left["dream"][0], 3);
    assert_eq!(
        platform.counts().left["memory_store"].len(),
        left["memory_store"].len() + 1
    );
    platform.pace(|pace| pace.polls_tick = true);
    let finished = Set::of(&platform.address).run(&path).finished();
    assert_eq!(platform.counts().left, [].into());
    // Its dream was read, and no other paid for.
    assert_eq!(platform.counts().made["dream"], 1);
    // The practice of the killed run was dreamt over, and not played again.
    let replayed = finished.trials.len();
    assert_eq!(begun(), practised + replayed);
}

#[test]
fn what_cannot_be_removed_is_named() {
    let platform = setup().start();
    platform.misbehave(
        When::next("DELETE", "/v1/environments").times(100),
        Fault::Refuse(403, "permission_error".to_owned(), None, None),
    );
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = Set::of(&platform.address).run(folder.path());
    let ended = ran.ended.unwrap();
    let environment = platform.counts().left["environment"][0].clone();
    assert_eq!(ended.left.len(), 1);
    let told = format!("environment {environment} (the platform answered 403: ");
    assert!(ended.left[0].starts_with(&told), "{:?}", ended.left);
}

#[test]
fn a_session_that_a_killed_run_left_half_played_is_not_taken_for_a_new_one() {
    let holds = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&holds);
    let platform = Setup::new()
        .script(move |scene| match own.load(Ordering::Relaxed) {
            true => vec![Step::Hold],
            false => clerk(scene),
        })
        .dream(dream)
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut set = Set::of(&platform.address);
    set.workers = 1;
    killed_when(&set, folder.path(), || {
        platform.requests("GET", "/v1/sessions/") > 1
    });
    holds.store(false, Ordering::Relaxed);
    // The resumed run takes up the agent there is; its first session is of the same trial, and is lost on the way.
    platform.misbehave(When::next("POST", "/v1/agents"), Fault::DropBefore);
    platform.misbehave(When::next("POST", "/v1/sessions"), Fault::DropBefore);
    let finished = set.run(folder.path()).finished();
    assert!(finished.records.iter().all(is_whole));
    assert_eq!(platform.counts().left, [].into());
}
