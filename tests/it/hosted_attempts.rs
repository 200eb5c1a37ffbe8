//! How attempts and dreams on the platform end: by limits, with confirmations, with calls that were lost, and with stores
//! that are not what they were.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dreameval::{
    domain::trial::Stop, files::TemporaryFolder, formats::memory::write_store, http::Transport,
};
use serde_json::{Value, json};

use crate::{
    hosted_room::{Set, after, clerk, dream, setup},
    platform::{Dreamt, Fault, Logged, Platform, Setup, Step, When},
};

#[test]
fn limits_of_the_brief_end_a_session_that_goes_on_and_on() {
    let platform = Platform::start(|scene| {
        let call = |it: usize| {
            Step::custom(
                "open",
                json!({"on": format!("nothing-{it}"), "viewer": "text"}),
            )
        };
        (0..5).map(|it| call(it + scene.turn)).collect()
    });
    let trial = Set::of(&platform.address).trial("bare");
    let usage = trial.record.usage.unwrap();
    assert_eq!(
        (trial.record.stop, usage.steps, usage.tool_errors),
        (Some(Stop::Steps), Some(12), Some(12))
    );
    assert_eq!(platform.counts().left.get("session"), None);

    let platform =
        Platform::start(|_| vec![Step::Pause(Duration::from_secs(20)), Step::say("late")]);
    let mut set = Set::of(&platform.address);
    set.seconds = 1;
    let trial = set.trial("bare");
    assert_eq!(trial.record.stop, Some(Stop::Seconds), "{}", trial.broken());
    assert_eq!(platform.counts().left.get("session"), None);
}

#[test]
fn a_session_that_says_nothing_ends_when_its_time_is_over_and_so_does_its_recording() {
    let folder = TemporaryFolder::create("hosted").unwrap();
    let tape = folder.path().join("tapes.jsonl");
    let platform = Setup::new()
        .script(|_| vec![Step::Hold])
        .pace(|pace| pace.ping = Duration::from_secs(60))
        .start();
    let mut set = Set::of(&platform.address);
    (set.seconds, set.settings.idle) = (1, Duration::from_millis(300));
    set.settings.transport = Transport::Record(tape.clone());
    let trial = set.trial("bare");
    assert_eq!(trial.record.stop, Some(Stop::Seconds), "{}", trial.broken());
    let streams = |it: &&Logged| it.path.ends_with("/stream");
    assert!(platform.log().iter().filter(streams).count() < 6);
    drop(platform);
    set.settings.transport = Transport::Replay(tape);
    assert_eq!(set.trial("bare").record, trial.record);
}

#[test]
fn what_a_session_consumed_is_known_from_its_events_where_it_cannot_be_read() {
    let usage = |fault: Option<Fault>| {
        let platform = setup().pace(|pace| pace.cents = 3).start();
        if let Some(fault) = fault {
            let when = When::next("GET", "/v1/sessions/").parts(3).times(9999);
            platform.misbehave(when, fault);
        }
        let trial = Set::of(&platform.address).trial("stored");
        let usage = trial.record.usage.unwrap();
        (usage.input_tokens, usage.output_tokens, usage.cost_usd)
    };
    let read = usage(None);
    assert!(read.0.is_some() && read.2.is_some());
    let away = Fault::Answer(500, Vec::new(), "{}".to_owned());
    assert_eq!(usage(Some(away)), read);
    let empty = Fault::Answer(200, Vec::new(), "{\"status\": \"idle\"}".to_owned());
    assert_eq!(usage(Some(empty)), read);
}

#[test]
fn a_session_whose_making_nobody_was_told_of_is_waited_for_in_a_listing_that_lags() {
    let platform = setup().start();
    platform.misbehave(
        When::next("POST", "/v1/sessions").parts(2),
        Fault::DropAfter,
    );
    let nothing = Fault::Answer(200, Vec::new(), "{\"data\": []}".to_owned());
    platform.misbehave(When::next("GET", "/v1/sessions").parts(2).times(2), nothing);
    let trial = Set::of(&platform.address).trial("bare");
    assert_eq!(trial.broken(), "");
    assert_eq!(platform.counts().made["session"], 1);
}

#[test]
fn confirmations_are_given_for_reading_and_for_nothing_else() {
    let (trial, _) = after(vec![
        Step::Ask("read", json!({"file_path": "/x"}), "it says x".to_owned()),
        Step::Ask("bash", json!({"command": "rm -r /"}), "gone".to_owned()),
        Step::say("well"),
    ]);
    assert_eq!(trial.broken(), "");
    let told: Vec<&Value> = trial
        .events
        .iter()
        .filter(|it| it["type"] == "user.tool_confirmation")
        .map(|it| &it["result"])
        .collect();
    assert_eq!(told, ["allow", "deny"]);
}

#[test]
fn a_store_that_somebody_changes_meanwhile_is_found_out() {
    let platform = setup().start();
    let other = Fault::edit(|body| {
        let items = body["data"].as_array_mut().into_iter().flatten();
        for item in items.filter(|it| it["path"] == "/notes.md") {
            item["content_sha256"] = json!("0".repeat(64));
        }
    });
    // The first look at a store is that of whoever put it.
    let listing = When::next("GET", "/memories").after(2).times(999);
    platform.misbehave(listing, other);
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut set = Set::of(&platform.address);
    set.arms = vec!["bare".to_owned(), "stored".to_owned()];
    let told = set.run(folder.path()).error();
    assert!(
        told.starts_with("error: 1 store on the platform is not what was put there"),
        "{told}"
    );
}

#[test]
fn a_dream_whose_input_changed_is_refused() {
    let platform = Setup::new().script(clerk).dream(dream).start();
    let seen = AtomicUsize::new(0);
    let other = Fault::edit(move |body| {
        let items = body["data"].as_array_mut().into_iter().flatten();
        for item in items.filter(|it| it["path"] == "/notes.md" && it["content"].is_string()) {
            // Whole exports: the input before, the output, the input after.
            if seen.fetch_add(1, Ordering::Relaxed) == 2 {
                item["path"] = json!("/moved.md");
            }
        }
    });
    platform.misbehave(When::next("GET", "/memories").times(999), other);
    let folder = TemporaryFolder::create("hosted").unwrap();
    let told = Set::of(&platform.address).run(folder.path()).error();
    assert!(told.contains("changed its input store"), "{told}");
    let in_vain = std::fs::read_to_string(folder.path().join("dreams-in-vain.jsonl")).unwrap();
    assert_eq!(in_vain.lines().count(), 1, "it was paid for");
}

#[test]
fn a_call_that_the_stream_lost_is_found_in_the_history_and_answered() {
    let platform = setup().start();
    let lossy = Fault::edit_events(|event| {
        if event["type"] == "agent.custom_tool_use" {
            event["id"].take();
        }
    });
    platform.misbehave(When::next("GET", "/events/stream").times(9), lossy);
    let trial = Set::of(&platform.address).trial("stored");
    assert_eq!(
        (trial.broken().as_str(), trial.record.stop),
        ("", Some(Stop::Finished))
    );
    assert!(trial.record.usage.unwrap().steps.unwrap() > 0);

    let platform = Platform::start(|_| {
        let reason = json!({"type": "requires_action", "event_ids": ["sevt_none"]});
        let idle = json!({"type": "session.status_idle", "stop_reason": reason});
        vec![Step::Event(idle), Step::Hold]
    });
    let told = Set::of(&platform.address).trial("bare").broken();
    assert_eq!(
        told,
        "its session waits for an answer to `sevt_none`, which it never asked"
    );
}

#[test]
fn files_of_a_dream_that_no_folder_holds_are_left_out_and_named() {
    let platform = Setup::new()
        .script(clerk)
        .dream(|night| {
            let Dreamt::Memories(mut memories) = dream(night) else {
                return dream(night);
            };
            memories.insert("/a.md".to_owned(), "- Mind the door\n".to_owned());
            memories.insert("/a.md/b.md".to_owned(), "- Mind the step\n".to_owned());
            memories.insert(format!("/{}.md", "x".repeat(300)), "- Long\n".to_owned());
            Dreamt::Memories(memories)
        })
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let finished = Set::of(&platform.address).run(folder.path()).finished();
    let dream = finished.dream.unwrap();
    write_store(&dream.store, &folder.path().join("store")).unwrap();
    assert!(folder.path().join("store/a.md").exists());
    let left_out: Vec<&str> = dream
        .changes
        .iter()
        .filter(|it| {
            it.why
                .starts_with("the dream wrote it, and it is left out: ")
        })
        .map(|it| &it.path[..7])
        .collect();
    assert_eq!(left_out, ["/a.md/b", "/xxxxxx"]);
}
