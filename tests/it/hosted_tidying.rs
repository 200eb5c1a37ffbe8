//! What a run leaves on the platform when its removal fails, and how that is found again.

use std::{fs, path::Path, sync::Arc};

use dreameval::{
    domain::{halt::Why, memory::Store},
    files::TemporaryFolder,
    hosted::Ended,
    http::Clock,
};
use serde_json::Value;

use crate::{
    hosted_room::{Ran, Set, clerk, setup},
    platform::{Dreamt, Fault, Logged, Platform, Setup, When},
};

fn forbidden() -> Fault {
    Fault::Refuse(403, "permission_error".to_owned(), None, None)
}

/// Runs it, with this fault for as many requests of that kind as there are.
fn ran(platform: &Platform, (method, path): (&str, &str), fault: Fault, folder: &Path) -> Ran {
    platform.misbehave(When::next(method, path).times(9999), fault);
    Set::of(&platform.address).run(folder)
}

fn tidied(platform: &Platform, folder: &Path) -> (usize, Ended) {
    let client = Set::of(&platform.address).platform();
    block_on(client.tidy(folder)).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn is_clean(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("hosted.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["is_clean"].as_bool().unwrap()
}

fn kinds_left(platform: &Platform) -> Vec<&'static str> {
    platform.counts().left.keys().copied().collect()
}

#[test]
fn an_agent_whose_sessions_could_not_be_removed_is_kept_for_them_to_be_found_by() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let sessions = ("DELETE", "/v1/sessions/");
    let ended = ran(&platform, sessions, forbidden(), folder.path()).ended;
    assert!(!ended.unwrap().left.is_empty());
    assert!(!is_clean(folder.path()));
    assert_eq!(kinds_left(&platform), ["agent", "environment", "session"]);

    platform.mend();
    let left = platform.counts().left;
    let (removed, ended) = tidied(&platform, folder.path());
    assert_eq!(removed, left.values().map(Vec::len).sum::<usize>());
    assert_eq!((ended.left, ended.unsure), (vec![], None));
    assert!(is_clean(folder.path()));
    assert_eq!(platform.counts().left, [].into());
}

#[test]
fn sessions_of_archived_agents_are_found_even_where_the_run_counted_as_clean() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let sessions = ("DELETE", "/v1/sessions/");
    ran(&platform, sessions, forbidden(), folder.path());
    platform.mend();
    platform.archive_agents();
    let path = folder.path().join("hosted.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("false", "true")).unwrap();
    let sessions = platform.counts().left["session"].len();
    // The environment besides.
    assert_eq!(tidied(&platform, folder.path()).0, sessions + 1);
    assert_eq!(platform.counts().left, [].into());
}

#[test]
fn a_dream_that_could_not_be_canceled_keeps_the_store_it_is_found_by() {
    let platform = setup().pace(|pace| pace.polls_tick = false).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut set = Set::of(&platform.address);
    set.settings.clock = Clock::wall();
    platform.misbehave(When::next("POST", "/cancel").times(99), forbidden());
    let stop = Arc::clone(&set.settings.halt);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(platform.wait_until(|it| it.requests("POST", "/v1/dreams") == 1));
            stop.set(Why::Interrupted);
        });
        set.run(folder.path())
    });
    let ended = ran.ended.unwrap();
    let left = platform.counts().left;
    // It is named, and kept for whoever resumes the run.
    assert_eq!(ended.dream.as_ref(), left["dream"].first());
    assert_eq!(left["memory_store"].len(), 1, "{ended:?}");
    // Whoever does not resume it cannot cancel it either, at first.
    let told = tidied(&platform, folder.path()).1.left;
    assert!(told[0].starts_with(&format!(
        "dream {} (the platform answered 403",
        left["dream"][0]
    )));
    assert_eq!(platform.counts().left["memory_store"].len(), 1);

    platform.mend();
    tidied(&platform, folder.path());
    assert_eq!(platform.counts().left, [].into());
    assert!(is_clean(folder.path()));
}

#[test]
fn a_run_is_clean_only_where_a_look_afterwards_finds_nothing() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    // Deletions that are answered and not done.
    let fault = Fault::Answer(200, Vec::new(), "{}".to_owned());
    let ran = ran(
        &platform,
        ("DELETE", "/v1/environments/"),
        fault,
        folder.path(),
    );
    let environment = platform.counts().left["environment"][0].clone();
    let told = format!("environment {environment} (it is still listed)");
    assert_eq!(ran.ended.unwrap().left, [told]);
    assert!(!is_clean(folder.path()));
    // A look that fails proves nothing.
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let listing = ("GET", "/v1/environments");
    let ended = self::ran(&platform, listing, forbidden(), folder.path()).ended;
    assert!(
        ended
            .unwrap()
            .unsure
            .unwrap()
            .starts_with("the platform answered 403")
    );
    assert!(!is_clean(folder.path()));
}

#[test]
fn what_may_have_been_made_is_looked_for_before_it_is_made_again() {
    let platform = setup().start();
    platform.misbehave(When::next("POST", "/v1/agents"), Fault::DropAfter);
    platform.misbehave(When::next("GET", "/v1/agents"), forbidden());
    let trials = Set::of(&platform.address).trials("bare", 2);
    assert!(trials[0].broken().contains("answered 403"));
    assert_eq!(trials[1].broken(), "");
    assert_eq!(platform.counts().made["agent"], 1);
}

#[test]
fn what_may_have_been_made_is_found_at_the_end_or_left_in_doubt() {
    let end = |listings: usize| {
        let platform = setup().start();
        let folder = TemporaryFolder::create("hosted").unwrap();
        platform.misbehave(When::next("POST", "/v1/dreams"), Fault::DropAfter);
        // The first is a look at whether dreams can be had.
        let asked = When::next("GET", "/v1/dreams").after(1);
        platform.misbehave(asked.times(listings), forbidden());
        let ended = Set::of(&platform.address).run(folder.path()).ended.unwrap();
        (platform, ended, is_clean(folder.path()), folder)
    };
    let (platform, ended, ..) = end(1);
    // The practice is kept for another dream, and this one with its stores is not.
    assert_eq!((ended.left, ended.unsure), (vec![], None));
    assert_eq!(kinds_left(&platform), ["agent", "environment", "session"]);

    let (platform, ended, is_clean, folder) = end(9999);
    assert!(
        ended
            .unsure
            .unwrap()
            .starts_with("the platform answered 403")
    );
    assert!(!is_clean);
    assert_eq!(platform.counts().left["memory_store"].len(), 1);
    platform.mend();
    tidied(&platform, folder.path());
    assert_eq!(platform.counts().left, [].into());
}

#[test]
fn a_run_whose_money_is_spent_is_tidied_all_the_same() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    platform.misbehave(
        When::next("POST", "/v1/sessions").after(3).times(9999),
        Fault::spend_cap(),
    );
    let mut set = Set::of(&platform.address);
    set.arms = ["bare", "stored"].map(str::to_owned).to_vec();
    let ran = set.run(folder.path());
    assert!(matches!(ran.finished, Ok(None)));
    let ended = ran.ended.unwrap();
    assert_eq!((ended.left, ended.unsure), (vec![], None));
    // Nothing is to be practised, so nothing is kept.
    assert_eq!(platform.counts().left, [].into());
    assert!(is_clean(folder.path()));
}

#[test]
fn a_dream_the_platform_says_nothing_of_is_left_and_watched_again_by_the_resume() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let away = Fault::Answer(503, Vec::new(), "{}".to_owned());
    platform.misbehave(When::next("GET", "/v1/dreams/").after(1).times(9999), away);
    let set = Set::of(&platform.address);
    let ran = set.run(folder.path());
    let dream = platform.counts().left["dream"][0].clone();
    assert_eq!(ran.ended.as_ref().unwrap().dream.as_ref(), Some(&dream));
    let told = ran.error();
    let end = format!("as at 8 looks at dream {dream}, which may go on");
    assert!(told.contains(&end), "{told}");
    assert!(set.settings.clock.now() < 600.0);

    platform.mend();
    let finished = Set::of(&platform.address).run(folder.path()).finished();
    let why = &finished.dream.unwrap().changes[0].why;
    assert!(why.starts_with(&format!("by dream {dream}")), "{why}");
    assert_eq!(platform.counts().made["dream"], 1);
    assert_eq!(platform.counts().left, [].into());
    assert!(is_clean(folder.path()));
}

#[test]
fn a_dream_that_failed_while_nobody_watched_is_told_and_counted_once() {
    let platform = Setup::new()
        .script(clerk)
        .pace(|pace| pace.dream = [0, 0, 0])
        .dream(|_| Dreamt::Failed("timeout".to_owned(), String::new(), [].into()))
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let away = Fault::Answer(503, Vec::new(), "{}".to_owned());
    platform.misbehave(When::next("GET", "/v1/dreams/").times(9999), away);
    let ran = Set::of(&platform.address).run(folder.path());
    assert!(ran.error().contains("which may go on"));
    platform.mend();
    let in_vain = || {
        let kept = fs::read_to_string(folder.path().join("dreams-in-vain.jsonl"));
        kept.map_or(0, |it| it.lines().count())
    };
    assert_eq!(in_vain(), 0);
    for dreams in 1..=2 {
        let told = Set::of(&platform.address).run(folder.path()).error();
        assert!(told.contains("failed dream"), "{told}");
        assert_eq!(
            (platform.counts().made["dream"], in_vain()),
            (dreams, dreams)
        );
    }
}

#[test]
fn a_dream_that_failed_is_not_watched_again_and_what_it_took_is_kept() {
    let platform = Setup::new()
        .script(clerk)
        .dream(|_| Dreamt::Failed("timeout".to_owned(), String::new(), [].into()))
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    for dreams in 1..=2 {
        assert!(
            Set::of(&platform.address)
                .run(folder.path())
                .finished
                .is_err()
        );
        assert_eq!(platform.counts().made["dream"], dreams);
        let kept = fs::read_to_string(folder.path().join("dreams-in-vain.jsonl")).unwrap();
        let tokens = |line: &str| {
            let usage: serde_json::Value = serde_json::from_str(line).unwrap();
            usage["input_tokens"].as_u64()
        };
        let tokens: Vec<Option<u64>> = kept.lines().map(tokens).collect();
        assert_eq!(tokens.len(), dreams);
        assert!(
            tokens.iter().all(|it| it.is_some_and(|it| 0 < it)),
            "{kept}"
        );
    }
}

#[test]
fn a_platform_that_is_gone_is_not_asked_for_each_thing_anew() {
    let platform = setup().start();
    let mut set = Set::of(&platform.address);
    set.settings.tries = 1;
    let client = set.platform();
    let ended = block_on(async {
        let empty = Store::default();
        for purpose in 0..40 {
            let purpose = format!("purpose {purpose}");
            client.put_store(&empty, &purpose).await.unwrap();
        }
        platform.misbehave(When::always(), Fault::DropBefore);
        client.end(true, None).await.unwrap()
    });
    let told = "the platform gave no answer: it gave none before";
    assert_eq!(
        (ended.left.len(), ended.unsure.as_deref()),
        (40, Some(told))
    );
    let in_vain = |it: &&Logged| !it.was_handled;
    // Eight, and those that were under way with them.
    assert!(platform.log().iter().filter(in_vain).count() <= 8 + 7);
}
