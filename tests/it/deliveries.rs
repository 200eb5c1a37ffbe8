//! Notes that reach a model in each way, what of them is told as shown and opened, and arms that differ in nothing else.

use std::{collections::BTreeSet, fs};

use dreameval::{
    agents::chat::Delivery, chat::Provider, domain::trial::Stop, files::TemporaryFolder,
    formats::memory, runner::bench::Played,
};
use serde_json::{Value, json};

use crate::{
    model_room::{BOTH, Set, broken},
    model_server::{Act, Seen, Server, puppet, results},
    program::{repository, say},
};

/// A room in which notes are delivered like this, and whose model makes these calls.
fn room(
    provider: Provider,
    delivery: Delivery,
    calls: Vec<(&'static str, Value)>,
) -> (Server, crate::model_room::Room) {
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "Done.")));
    let set = Set {
        delivery,
        ..Set::of(provider, &server)
    };
    let room = set.room();
    (server, room)
}

fn view(path: &str) -> (&'static str, Value) {
    ("memory", json!({"command": "view", "path": path}))
}

/// Requests that begin a trial.
fn firsts(server: &Server) -> Vec<Seen> {
    let no_reply = |it: &Seen| {
        let messages = it.body["messages"].as_array().unwrap();
        messages.iter().all(|it| it["role"] != "assistant")
    };
    server.seen().into_iter().filter(no_reply).collect()
}

/// Of the trials under one arm, those whose notes were given.
fn given(room: &crate::model_room::Room, played: &[Played], arm: u16) -> Vec<(usize, Played)> {
    let mut found = Vec::new();
    for (trial, played) in room.trials.iter().zip(played) {
        if trial.arm == arm {
            let arm = &room.bench.arms[usize::from(arm)];
            let given = room.bench.given_indices(trial, arm).len();
            assert_eq!(broken(played), "");
            found.push((given, clone(played)));
        }
    }
    found
}

fn clone(played: &Played) -> Played {
    Played {
        position: played.position,
        record: played.record.clone(),
        line: played.line.clone(),
        transcript: None,
        is_cut_short: played.is_cut_short,
    }
}

#[test]
fn each_delivery_is_another_agent() {
    let server = Server::start(|_, _| Act::Drop);
    let modes = [
        Delivery::Context,
        Delivery::Retrieved(5),
        Delivery::Retrieved(3),
        Delivery::Tool,
        Delivery::Files,
    ];
    let names: BTreeSet<String> = modes
        .into_iter()
        .map(|delivery| {
            let set = Set {
                delivery,
                ..Set::of(Provider::OpenAi, &server)
            };
            let room = set.room();
            dreameval::agents::Agent::name(&*room.agent)
        })
        .collect();
    assert_eq!(names.len(), 5);
    assert!(names.iter().any(|it| it.contains(" retrieved:3")));
}

#[test]
fn retrieved_notes_are_the_best_of_those_given_and_all_that_counts_as_shown() {
    let (server, room) = room(Provider::Anthropic, Delivery::Retrieved(1), Vec::new());
    let played = room.play();
    for (number, played) in given(&room, &played, 1) {
        assert_eq!(played.record.surfaced.len(), number.min(1));
        assert!(played.record.opened.is_empty());
        let words = played.record.usage.unwrap().words_read.unwrap();
        assert!((number == 0) == (words == 0) && words < 20, "{words}");
    }
    for (_, played) in given(&room, &played, 0) {
        assert!(played.record.surfaced.is_empty());
    }
    let text = |it: &Seen| it.body["messages"][0]["content"].to_string();
    let notes = |it: &Seen| {
        let text = text(it);
        let (notes, _) = text.split_once("The task:").unwrap();
        notes.matches("- ").count() + notes.matches("(none)").count()
    };
    assert!(firsts(&server).iter().all(|it| notes(it) == 1));
}

#[test]
fn trap_28_with_the_memory_tool_arms_differ_in_what_lies_behind_it_and_in_nothing_they_are_told() {
    for provider in BOTH {
        let (server, room) = room(provider, Delivery::Tool, vec![view("/memories")]);
        room.play();
        let mut told: Vec<Value> = firsts(&server)
            .into_iter()
            .filter(|it| it.body.to_string().contains("letter-02"))
            .map(|it| it.body)
            .collect();
        let [one, other] = <[Value; 2]>::try_from(std::mem::take(&mut told)).unwrap();
        assert_eq!(one, other);
        assert!(one.to_string().contains("/memories"));
        let listed = one["tools"].as_array().unwrap();
        match provider {
            Provider::Anthropic => assert_eq!(
                listed.last().unwrap(),
                &json!({"type": "memory_20250818", "name": "memory"})
            ),
            Provider::OpenAi => {
                let tool = &listed.last().unwrap()["function"];
                assert_eq!(tool["name"], "memory");
                let commands = &tool["parameters"]["properties"]["command"]["enum"];
                assert_eq!(commands.as_array().unwrap().len(), 6);
            }
        }
        let views: BTreeSet<String> = server
            .seen()
            .iter()
            .flat_map(results)
            .map(|it| it.lines().count().to_string())
            .collect();
        // The header and the root; where there are notes, their file too.
        assert_eq!(views, BTreeSet::from(["2".to_owned(), "3".to_owned()]));
    }
}

#[test]
fn a_note_behind_the_tool_is_shown_once_it_was_viewed_and_every_call_costs_a_step() {
    let file = memory_file();
    let (_server, looked) = room(
        Provider::OpenAi,
        Delivery::Tool,
        vec![view("/memories"), view(&file)],
    );
    let played = looked.play();
    for (number, played) in given(&looked, &played, 1) {
        let record = &played.record;
        assert_eq!(record.surfaced.len(), number);
        assert_eq!(record.opened.len(), number);
        assert_eq!(record.usage.unwrap().steps, Some(2));
        assert_eq!(record.stop, Some(Stop::Finished));
        let errors = record.usage.unwrap().tool_errors;
        assert_eq!(errors, Some(u32::from(number == 0)));
        assert_eq!(number == 0, record.usage.unwrap().words_read == Some(0));
    }
    for (_, played) in given(&looked, &played, 0) {
        let record = &played.record;
        assert!(record.surfaced.is_empty() && record.opened.is_empty());
        // The file is not there, which is a failed call and no fault.
        assert_eq!(record.usage.unwrap().tool_errors, Some(1));
    }
    let (_server, listed) = room(Provider::OpenAi, Delivery::Tool, vec![view("/memories")]);
    let played = listed.play();
    for (_, played) in given(&listed, &played, 1) {
        assert!(played.record.surfaced.is_empty(), "a listing shows no note");
    }
}

/// The file of the post room's store, as the tool names it.
fn memory_file() -> String {
    let store = memory::read_store(&crate::program::post_room().join("memory")).unwrap();
    format!("/memories{}", store.entries[0].path)
}

#[test]
fn what_a_model_writes_into_its_memory_is_gone_with_the_trial() {
    let file = memory_file();
    let (server, room) = room(
        Provider::Anthropic,
        Delivery::Tool,
        vec![
            view("/memories"),
            (
                "memory",
                json!({"command": "create", "path": "/memories/mine.md", "file_text": "kept?"}),
            ),
            ("memory", json!({"command": "delete", "path": file})),
            view("/memories"),
        ],
    );
    let before: Vec<_> = room.bench.arms.iter().map(|it| it.store.digest()).collect();
    let played = room.play();
    assert!(played.iter().all(|it| broken(it).is_empty()));
    let after: Vec<_> = room.bench.arms.iter().map(|it| it.store.digest()).collect();
    assert_eq!(before, after);
    for seen in server.seen() {
        let results = results(&seen);
        assert!(results.first().is_none_or(|it| !it.contains("mine.md")));
        assert!(results.get(3).is_none_or(|it| it.contains("mine.md")));
    }
    let told = room.first_session();
    assert!(told.contains("\"name\":\"memory\""));
}

#[test]
fn a_memory_call_at_the_last_step_is_the_last() {
    let calls = vec![view("/memories"); 20];
    let (_server, room) = room(Provider::OpenAi, Delivery::Tool, calls);
    let played = room.first();
    assert_eq!(
        (played.record.stop, played.record.usage.unwrap().steps),
        (Some(Stop::Steps), Some(12))
    );
}

#[test]
fn notes_as_files_lie_in_the_workspace_and_are_gone_before_it_is_judged() {
    let calls = vec![
        ("list", json!({})),
        ("read", json!({"path": "memory/notes.md"})),
        ("write", json!({"path": "form.txt", "text": "Q7\n"})),
    ];
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "2")));
    let folder = TemporaryFolder::create("files").unwrap();
    let suite = folder.path().join("suite");
    dreameval::files::copy_tree(&repository().join("tests/it/suites/copy-room"), &suite).unwrap();
    let text = fs::read_to_string(suite.join("suite.toml")).unwrap();
    // A task that is done only where no note is left in the folder.
    let text = text.replace(
        r#"run = ["grep", "-qx", "Q7", "form.txt"]"#,
        r#"run = ["sh", "-c", "grep -qx Q7 form.txt && test ! -e memory/notes.md"]"#,
    );
    fs::write(suite.join("suite.toml"), text).unwrap();
    let set = Set {
        delivery: Delivery::Files,
        suite,
        ..Set::of(Provider::Anthropic, &server)
    };
    let room = set.room();
    let played = room.play();
    for (number, played) in given(&room, &played, 1) {
        assert_eq!(number, 2);
        assert_eq!(played.record.surfaced, [0, 1]);
        assert_eq!(played.record.opened, [0, 1]);
    }
    for (number, played) in given(&room, &played, 0) {
        assert_eq!(number, 0);
        assert!(played.record.surfaced.is_empty());
        assert_eq!(played.record.usage.unwrap().tool_errors, Some(1));
    }
    let tasks = &room.bench.suite.tasks;
    for (trial, played) in room.trials.iter().zip(&played) {
        let id = tasks[trial.task as usize].id.as_str();
        if id == "stamp-file" {
            assert_eq!(played.record.outcome.completed(), Some(true), "{trial:?}");
        }
    }
    let firsts = firsts(&server);
    let told = |it: &Seen| {
        let body = &it.body;
        (body["system"].to_string(), body["tools"].to_string())
    };
    let told: BTreeSet<(String, String)> = firsts.iter().map(told).collect();
    assert_eq!(told.len(), 1, "arms are told the same");
}

#[test]
fn a_delivery_is_kept_in_the_run_and_one_that_does_not_fit_is_refused_with_the_way_out() {
    let folder = TemporaryFolder::create("delivery").unwrap();
    let post_room = crate::program::post_room().display().to_string();
    let run = |agent: &str, mode: &str| {
        say(
            folder.path(),
            [
                "run",
                &post_room,
                "--agent",
                agent,
                "--delivery",
                mode,
                "--base-url",
                "http://127.0.0.1:9",
                "--plan",
            ],
        )
    };
    let said = run("openai:m", "files");
    assert_eq!(said.code, Some(2));
    assert!(said.talk.contains("this suite has none"), "{}", said.talk);
    let said = run("openai:m", "tol");
    assert_eq!(said.code, Some(2));
    assert!(said.talk.contains("did you mean `tool`?"), "{}", said.talk);
    let said = run("embedded", "tool");
    assert_eq!(said.code, Some(2));
    assert!(
        said.talk.contains("`--delivery` is for models"),
        "{}",
        said.talk
    );
    assert_eq!(run("openai:m", "tool").code, Some(0));
}

#[test]
fn a_run_with_the_memory_tool_is_resumed_and_reported_with_it() {
    let (server, _) = room(Provider::OpenAi, Delivery::Tool, vec![view("/memories")]);
    let folder = TemporaryFolder::create("delivery").unwrap();
    let base = format!("{}/v1", server.address);
    let post_room = crate::program::post_room().display().to_string();
    let usual = ["--preset", "smoke", "--pairs", "4", "-q"];
    let words = [
        "run",
        &post_room,
        "--agent",
        "openai:m",
        "--base-url",
        &base,
        "--delivery",
        "tool",
        "--out",
        "run",
        "--max-seconds",
        "0.01",
        "-j",
        "1",
    ];
    let said = say(folder.path(), words.iter().chain(&usual));
    assert_eq!(said.code, Some(5), "{}", said.talk);
    let kept = fs::read_to_string(folder.path().join("run/run.json")).unwrap();
    assert!(kept.contains("\"delivery\": \"tool\""), "{kept}");
    let said = say(folder.path(), ["run", "--resume", "run", "-q"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    for words in [["report", "run"], ["gate", "run"]] {
        let said = say(folder.path(), words);
        assert!(matches!(said.code, Some(0 | 1 | 3)), "{}", said.talk);
    }
    let said = say(folder.path(), ["report", "run", "--csv", "-q"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let trials = fs::read_to_string(folder.path().join("run/trials.csv")).unwrap();
    assert!(
        trials
            .lines()
            .next()
            .unwrap()
            .contains("surfaced,opened,followed")
    );
    let report = fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(report.contains("memory tool"), "{report}");
    let asked: BTreeSet<bool> = server
        .seen()
        .iter()
        .map(|it| it.body["tools"].to_string().contains("str_replace"))
        .collect();
    assert_eq!(asked, BTreeSet::from([true]));
}
