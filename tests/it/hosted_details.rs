//! What agents, dreams and the platform see of each other, and what a run leaves alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use dreameval::{domain::halt::Why, dreaming::hosted::INSTRUCTIONS, files::TemporaryFolder};
use serde_json::{Value, json};

use crate::{
    hosted_room::{Set, clerk, dream, setup},
    platform::{Dreamt, Fault, Mount, Night, Platform, Scene, Setup, Step, When},
};

/// What the post room's store has for a letter in an old format.
const NOTE: &str = "- Mind the step by the door";

/// What a script was shown.
type Seen<T> = Arc<Mutex<Vec<T>>>;

fn notes_of(mount: &Mount) -> (&str, bool, &BTreeMap<String, String>) {
    (&mount.mount_path, mount.is_read_only, &mount.memories)
}

#[test]
fn an_agent_is_shown_its_task_and_its_notes_and_gets_its_results() {
    let seen: Seen<Scene> = Arc::default();
    let own = Arc::clone(&seen);
    let platform = Platform::start(move |scene| {
        own.lock().unwrap().push(scene.clone());
        clerk(scene)
    });
    let set = Set::of(&platform.address);
    let stored = set.trial("stored");
    let scenes = std::mem::take(&mut *seen.lock().unwrap());
    let first = &scenes[0];
    assert!(
        first
            .prompt
            .starts_with("Send letter-02 on, please.\n\nOn the desk:\n- letter-02 (letter): ")
    );
    assert_eq!(first.session["metadata"]["task"], "letter-02");
    assert_eq!(first.session["metadata"]["arm"], "stored");
    // Of the notes, this one alone is for such letters.
    let given = BTreeMap::from([("/notes.md".to_owned(), format!("{NOTE}\n"))]);
    assert_eq!(
        notes_of(&first.memory[0]),
        ("/mnt/memory/notes", true, &given)
    );
    let told = &scenes[1].results[0];
    assert_eq!(told["is_error"], false);
    assert!(!stored.record.surfaced.is_empty());

    set.trial("bare");
    let bare = seen.lock().unwrap()[0].memory[0].clone();
    assert_eq!(
        notes_of(&bare),
        ("/mnt/memory/notes", true, &BTreeMap::new())
    );
}

#[test]
fn a_dream_is_shown_the_practice_sessions_and_what_to_look_for() {
    let seen: Seen<Night> = Arc::default();
    let own = Arc::clone(&seen);
    let platform = Setup::new()
        .script(clerk)
        .dream(move |night| {
            own.lock().unwrap().push(night.clone());
            dream(night)
        })
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let finished = Set::of(&platform.address).run(folder.path()).finished();
    let nights = seen.lock().unwrap();
    let night = &nights[0];
    assert_eq!((nights.len(), night.sessions.len()), (1, 8));
    let told = night.instructions.as_deref().unwrap();
    let verdicts = told.strip_prefix(INSTRUCTIONS).unwrap();
    assert_eq!(verdicts.matches(": completed").count(), 4, "{verdicts}");
    assert_eq!(
        verdicts.matches(": not completed (wanting: ").count(),
        4,
        "{verdicts}"
    );
    assert_eq!(night.model, "claude-opus-5");
    let is_tool = |it: &Value| it["type"] == "agent.custom_tool_use";
    assert!(
        night
            .sessions
            .iter()
            .all(|(_, events)| events.iter().any(is_tool))
    );
    let dream = finished.dream.unwrap();
    let added = dream
        .changes
        .iter()
        .find(|it| it.path == "/playbooks/letters.md");
    let why = &added.unwrap().why;
    assert!(
        why.starts_with("by dream drm_") && why.ends_with(", over 8 sessions"),
        "{why}"
    );
}

#[test]
fn what_is_not_the_runs_own_is_left_alone_by_its_end_and_by_its_resume() {
    let platform = setup().start();
    let foreign = platform.plant_store("notes", &[("/a.md", "- theirs")]);
    platform.plant_file("theirs.txt", "x");
    let other = TemporaryFolder::create("hosted").unwrap();
    // Another run of the same name, stopped before its dream: the same in everything but its mark.
    let refused = Fault::Refuse(403, "permission_error".to_owned(), None, None);
    platform.misbehave(When::next("POST", "/v1/dreams"), refused);
    let kept = Set::of(&platform.address)
        .run(other.path())
        .ended
        .unwrap()
        .kept;
    let folder = TemporaryFolder::create("hosted").unwrap();
    let refused = Fault::Refuse(403, "permission_error".to_owned(), None, None);
    platform.misbehave(When::next("POST", "/v1/dreams"), refused);
    assert!(
        Set::of(&platform.address)
            .run(folder.path())
            .finished
            .is_err()
    );
    Set::of(&platform.address).run(folder.path()).finished();
    let mut left = platform.counts().left;
    assert_eq!(left.remove("memory_store").unwrap(), [foreign]);
    let mut sessions = left.remove("session").unwrap();
    sessions.sort();
    assert_eq!(sessions, kept);
}

#[test]
fn exports_ask_for_twenty_memories_a_page_with_their_contents() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    Set::of(&platform.address).run(folder.path()).finished();
    let asks = |key: &str, value: &str| {
        let is_it = |it: &&(String, String)| it.0 == key && it.1 == value;
        platform
            .log()
            .iter()
            .filter(|it| it.path.ends_with("/memories") && it.query.iter().find(is_it).is_some())
            .count()
    };
    // The input of the dream before and after, and its output.
    assert_eq!((asks("view", "full"), asks("limit", "20")), (3, 3));
}

#[test]
fn an_event_nobody_knows_may_come_while_nothing_else_does() {
    let platform = Arc::new(Platform::start(|_| vec![Step::Hold, Step::say("well")]));
    let other = Arc::clone(&platform);
    let helper = std::thread::spawn(move || {
        assert!(other.wait_until(|it| it.requests("GET", "/v1/sessions/") > 1));
        let session = other.counts().left["session"][0].clone();
        other.emit(&session, json!({"type": "weather.changed", "to": "rain"}));
        other.release(&session);
        other.events(&session).len()
    });
    let trial = Set::of(&platform.address).trial("bare");
    assert!(helper.join().unwrap() > 1);
    assert_eq!(trial.broken(), "");
    assert!(trial.kinds().contains(&"weather.changed".to_owned()));
}

#[test]
fn a_search_shows_the_notes_it_prints_and_a_failed_read_none() {
    let shown = format!("/mnt/memory/notes/notes.md:1:{NOTE}\n");
    let surfaced = |text: String, is_error: bool| {
        let platform = Platform::start(move |_| {
            let input = json!({"pattern": "convert"});
            vec![
                Step::Builtin("grep", input, text.clone(), is_error),
                Step::Output("answer.txt".to_owned(), "x".to_owned()),
                Step::say("well"),
            ]
        });
        Set::of(&platform.address).trial("stored").record.surfaced
    };
    assert_eq!(surfaced(shown.clone(), false), [0]);
    assert_eq!(surfaced(shown, true), [0_u16; 0]);
    assert_eq!(surfaced("no matches".to_owned(), false), [0_u16; 0]);
}

#[test]
fn answers_that_never_come_or_crawl_break_what_needed_them_and_are_told() {
    let told = |fault: Fault| {
        let platform = setup().start();
        platform.misbehave(When::next("GET", "/v1/memory_stores").times(99), fault);
        let mut set = Set::of(&platform.address);
        (set.settings.total, set.settings.tries) = (Duration::from_millis(300), 2);
        set.trial("bare").broken()
    };
    let late = "the platform gave no answer: no answer in time (2 tries)";
    assert_eq!(told(Fault::Hang), late);
    assert_eq!(told(Fault::Drip(Duration::from_millis(200))), late);
}

#[test]
fn a_key_that_may_not_write_stores_is_told_before_anything_is_played() {
    let platform = setup().start();
    platform.forbid_writing(true);
    let told = Set::of(&platform.address).trial("bare").broken();
    assert!(told.starts_with("the platform answered 403: "), "{told}");
    assert_eq!(platform.requests("POST", "/v1/sessions"), 0);
}

#[test]
fn a_dream_that_writes_nothing_leaves_an_empty_store_and_says_what_it_dropped() {
    let platform = Setup::new()
        .script(clerk)
        .dream(|_| Dreamt::Memories(BTreeMap::new()))
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let finished = Set::of(&platform.address).run(folder.path()).finished();
    let dream = finished.dream.unwrap();
    assert!(dream.store.entries.is_empty());
    assert!(!dream.changes.is_empty());
}

#[test]
fn an_agent_the_platform_refuses_ends_the_run_before_a_trial_is_spoilt() {
    let platform = setup().start();
    let refused = Fault::Refuse(400, "invalid_request_error".to_owned(), None, None);
    platform.misbehave(When::next("POST", "/v1/agents").times(999), refused);
    let folder = TemporaryFolder::create("hosted").unwrap();
    let set = Set::of(&platform.address);
    let ran = set.run(folder.path());
    assert!(ran.finished.unwrap().is_none());
    let Some(Why::Down(told)) = set.settings.halt.why() else {
        panic!("it goes on");
    };
    assert!(
        told.starts_with("the platform answered 400: invalid_request_error"),
        "{told}"
    );
    let journal = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), 1);
    assert_eq!(platform.counts().left, [].into());
}

#[test]
fn a_stream_that_falls_silent_is_opened_anew_until_there_is_something_to_read() {
    let platform = Setup::new()
        .script(|_| vec![Step::Pause(Duration::from_millis(1200)), Step::say("late")])
        .pace(|pace| pace.ping = Duration::from_secs(60))
        .start();
    let mut set = Set::of(&platform.address);
    set.settings.idle = Duration::from_millis(300);
    let trial = set.trial("bare");
    assert_eq!(trial.broken(), "");
    let streams = platform
        .log()
        .into_iter()
        .filter(|it| it.path.ends_with("/stream"));
    assert!(3 <= streams.count());
    // A session that stays silent is lost in the end, and removed.
    let platform = Setup::new()
        .script(|_| vec![Step::Hold])
        .pace(|pace| pace.ping = Duration::from_secs(60))
        .start();
    set.base_url.clone_from(&platform.address);
    set.settings.idle = Duration::from_millis(20);
    let told = set.trial("bare").broken();
    assert!(
        told.ends_with("told nothing new on 20 streams in a row"),
        "{told}"
    );
    assert_eq!(platform.counts().left.get("session"), None);
}

#[test]
fn under_the_newer_version_the_key_goes_as_a_bearer_token_and_is_part_of_the_name() {
    let platform = setup().start();
    let mut set = Set::of(&platform.address);
    set.version = "2026-10-21".to_owned();
    assert_eq!(set.trial("stored").broken(), "");
    for logged in platform.log() {
        assert!(logged.headers["authorization"].starts_with("Bearer "));
        assert_eq!(logged.headers.get("x-api-key"), None);
    }
    let name = set.asked().agent.name();
    assert_eq!(name, "hosted:claude-opus-5 hosted/1 version=2026-10-21");
}
