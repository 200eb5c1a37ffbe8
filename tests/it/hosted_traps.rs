//! The traps of the managed-agents platform, by their numbers, one attempt or one store at a time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use dreameval::{
    agents::hosted::Rubric,
    domain::{
        halt::Why,
        memory::{Entry, Store},
        trial::Stop,
    },
    draw::Key,
    files::TemporaryFolder,
    hosted::Platform as Client,
};
use serde_json::{Value, json};

use crate::{
    hosted_room::{Set, after, clerk, setup},
    platform::{
        AGENT_MEMORY, DREAMING, Dreamt, Fault, MANAGED_AGENTS, Platform, Setup, Step,
        Stop as Reason, Verdict, When,
    },
};

fn whole_run() -> Platform {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    Set::of(&platform.address).run(folder.path()).finished();
    platform
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn trap_01_every_request_of_a_run_has_the_betas_its_path_asks_for() {
    for logged in whole_run().log() {
        let beta = match logged.path.as_str() {
            it if it.starts_with("/v1/memory_stores") => AGENT_MEMORY,
            it if it.starts_with("/v1/dreams") => DREAMING,
            _ => MANAGED_AGENTS,
        };
        assert_eq!(logged.headers["anthropic-beta"], beta, "{}", logged.path);
    }
}

#[test]
fn trap_02_nothing_is_patched_or_put() {
    for logged in whole_run().log() {
        assert!(["GET", "POST", "DELETE"].contains(&logged.method.as_str()));
        assert!(logged.status < 400, "{} {}", logged.method, logged.path);
    }
}

#[test]
fn trap_09_the_streams_that_are_opened_are_those_there_are() {
    let log = whole_run().log();
    let streams: Vec<&str> = log
        .iter()
        .map(|it| it.path.as_str())
        .filter(|it| it.ends_with("/stream"))
        .collect();
    assert!(!streams.is_empty());
    for path in streams {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        assert!(
            matches!(parts[..], ["v1", "sessions", _, "events", "stream"]),
            "{path}"
        );
    }
}

#[test]
fn trap_04_a_spend_cap_ends_the_run_at_once() {
    let platform = setup().start();
    platform.misbehave(
        When::next("POST", "/v1/sessions").times(99),
        Fault::spend_cap(),
    );
    let set = Set::of(&platform.address);
    let told = set.trial("bare").broken();
    assert!(told.contains("enforced_spend_limit_reached"), "{told}");
    assert_eq!(platform.requests("POST", "/v1/sessions"), 1);
    assert!(matches!(set.settings.halt.why(), Some(Why::Down(_))));
}

#[test]
fn trap_05_an_idle_session_that_has_not_begun_is_not_done() {
    let platform = setup().start();
    let early = json!({"id": "sevt_early", "type": "session.status_idle", "processed_at": "2026-01-01T00:00:00Z",
        "stop_reason": {"type": "end_turn"}, "stop_details": null});
    let edit = Fault::edit(move |body| {
        if let Some(data) = body.get_mut("data").and_then(Value::as_array_mut) {
            data.insert(0, early.clone());
        }
    });
    platform.misbehave(When::next("GET", "/events").times(9), edit);
    let trial = Set::of(&platform.address).trial("stored");
    assert_eq!(trial.broken(), "");
    assert!(trial.kinds().contains(&"agent.custom_tool_use".to_owned()));
}

#[test]
fn trap_06_why_a_session_is_idle_decides_what_it_comes_to() {
    let ended = |reason: Reason| {
        let (trial, _) = after(vec![Step::say("so"), Step::End(reason)]);
        (trial.record.stop, trial.broken())
    };
    let fact = |stop: Stop| (Some(stop), String::new());
    assert_eq!(ended(Reason::EndTurn), fact(Stop::Finished));
    assert_eq!(ended(Reason::BudgetReached), fact(Stop::Budget));
    assert_eq!(ended(Reason::Refusal(json!("cyber"))), fact(Stop::GaveUp));
    assert_eq!(ended(Reason::Refusal(Value::Null)), fact(Stop::GaveUp));
    assert_eq!(
        ended(Reason::RetriesExhausted),
        (
            None,
            "the platform gave up on its session after retries".to_owned()
        )
    );
}

#[test]
fn trap_07_a_terminated_session_is_dead_and_its_last_error_is_told() {
    let error = |retry: &str| Step::Error("model_overloaded_error".to_owned(), retry.to_owned());
    let (trial, _) = after(vec![error("terminal"), Step::Terminate]);
    let told = trial.broken();
    let start = "its session died on the platform; its last error: model_overloaded_error: ";
    assert!(told.starts_with(start), "{told}");
    // What it cost is known all the same.
    assert!(trial.record.usage.is_some());
    // An error that is being retried is no end.
    let (trial, _) = after(vec![error("retrying"), Step::say("well")]);
    assert_eq!(trial.record.stop, Some(Stop::Finished));
}

#[test]
fn trap_08_what_happens_before_the_stream_opens_is_read_from_the_history() {
    let platform = setup().start();
    let slow = Fault::Answer(503, Vec::new(), "{}".to_owned());
    platform.misbehave(When::next("GET", "/events/stream").times(3), slow);
    let trial = Set::of(&platform.address).trial("stored");
    assert_eq!(trial.broken(), "");
    let log = platform.log();
    let at = |end: &str| {
        log.iter()
            .position(|it| it.path.ends_with(end) && it.status == 200)
    };
    assert!(at("/events/stream") < at("/events"));
    let ids: Vec<&Value> = trial.events.iter().filter_map(|it| it.get("id")).collect();
    let mut once = ids.clone();
    once.sort_by_key(|it| it.to_string());
    once.dedup();
    assert_eq!(ids.len(), once.len());
}

#[test]
fn trap_10_the_partial_store_of_a_failed_dream_is_neither_read_nor_left() {
    let platform = Setup::new()
        .script(clerk)
        .dream(|_| {
            let partial = BTreeMap::from([("/half.md".to_owned(), "- half".to_owned())]);
            Dreamt::Failed("timeout".to_owned(), "too long".to_owned(), partial)
        })
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = Set::of(&platform.address).run(folder.path());
    let ended = ran.ended.clone().unwrap();
    let told = ran.error();
    assert!(
        told.starts_with(
            "error: the hosted dream did not come about: the platform failed dream drm_"
        ) && told.contains("(timeout): too long"),
        "{told}"
    );
    assert_eq!(ended.left, Vec::<String>::new());
    let left = platform.counts().left;
    assert!(!left.contains_key("memory_store"), "{left:?}");
    assert!(!folder.path().join("dreamt.json").exists());
}

#[test]
fn trap_11_sessions_go_out_in_plan_order_whatever_order_they_come_back_in() {
    let platform = whole_run();
    let ids: Vec<Vec<String>> = platform
        .log()
        .iter()
        .filter(|it| it.path == "/v1/dreams" && it.method == "POST")
        .map(|it| {
            let ids = it.body["inputs"][1]["session_ids"].as_array().unwrap();
            ids.iter()
                .map(|it| it.as_str().unwrap().to_owned())
                .collect()
        })
        .collect();
    // They went out in plan order, and came back sorted.
    assert_eq!(ids.len(), 1);
    assert!(!ids[0].is_sorted() && ids[0].len() == 8, "{ids:?}");
}

#[test]
fn trap_19_an_answer_is_what_was_said_and_no_output_file_is_waited_for() {
    let (trial, platform) = after(vec![
        Step::Output("answer.txt".to_owned(), "41".to_owned()),
        Step::say("thinking aloud"),
        Step::say("42"),
    ]);
    assert_eq!(trial.record.stop, Some(Stop::Finished));
    assert_eq!(platform.requests("GET", "/v1/files"), 0);
}

#[test]
fn trap_12_a_rescheduled_session_goes_on() {
    let (trial, _) = after(vec![Step::Reschedule, Step::say("back")]);
    assert_eq!(trial.record.stop, Some(Stop::Finished));
    assert!(
        trial
            .kinds()
            .contains(&"session.status_rescheduled".to_owned())
    );
}

#[test]
fn trap_13_no_session_can_write_its_notes_and_one_that_could_is_not_played() {
    let platform = Platform::start(|_| {
        let write = |path: &str| Step::Write(0, path.to_owned(), "- mine".to_owned());
        vec![write("/new.md"), write("/notes.md"), Step::say("written")]
    });
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut set = Set::of(&platform.address);
    set.arms = vec!["bare".to_owned(), "stored".to_owned()];
    let ran = set.run(folder.path());
    assert_eq!(ran.ended.as_ref().unwrap().changed, Vec::<String>::new());
    ran.finished();

    let platform = setup().start();
    let writable = Fault::edit(|body| body["resources"][0]["access"] = json!("read_write"));
    platform.misbehave(When::next("POST", "/v1/sessions"), writable);
    let told = Set::of(&platform.address).trial("stored").broken();
    assert_eq!(
        told,
        "the platform attached a store that can be written, where one to be read only was asked for"
    );
}

#[test]
fn trap_14_what_was_opened_is_told_by_the_mount_path_of_the_reply() {
    let platform = Platform::start(|scene| {
        assert_eq!(scene.memory[0].mount_path, "/mnt/memory/notes");
        vec![Step::Read(0, "/notes.md".to_owned()), Step::say("read")]
    });
    let set = Set::of(&platform.address);
    let trial = set.trial("stored");
    assert!(!trial.record.surfaced.is_empty());
    assert!(trial.record.usage.unwrap().words_read.unwrap() > 0);
    // Elsewhere, by the reply: the file that was named is then no note.
    let moved = Fault::edit(|body| body["resources"][0]["mount_path"] = json!("/mnt/memory/x-2"));
    platform.misbehave(When::next("POST", "/v1/sessions"), moved);
    let opened = set.trial("stored").events;
    let mount = opened
        .iter()
        .find(|it| it["type"] == "hosted.session")
        .unwrap();
    assert_eq!(mount["mount_path"], "/mnt/memory/x-2");
    // Nothing is opened, nothing surfaces.
    let platform = Platform::start(|_| vec![Step::say("no need")]);
    let trial = Set::of(&platform.address).trial("stored");
    assert_eq!(trial.record.surfaced, Vec::<u16>::new());
}

fn client(platform: &Platform) -> Arc<Client> {
    Set::of(&platform.address).platform()
}

#[test]
fn trap_15_a_store_of_many_pages_is_exported_whole() {
    let platform = setup().start();
    let files: Vec<(String, String)> = (0..45)
        .map(|it| (format!("/deep/{it:02}.md"), format!("- note {it}\r\n")))
        .collect();
    let planted: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let id = platform.plant_store("old", &planted);
    let exported = block_on(client(&platform).export(&id, Key::root(1))).unwrap();
    let expected = files.into_iter().map(|(path, text)| Entry { path, text });
    assert_eq!(exported, Store::new(expected.collect()));
    let pages = platform
        .log()
        .into_iter()
        .filter(|it| it.path.ends_with("/memories"));
    assert_eq!(pages.count(), 3);
}

#[test]
fn trap_16_a_clone_has_the_same_bytes_and_digests() {
    let platform = setup().start();
    let odd = [("/é.md", "e\u{301}\r\n\u{2028} x"), ("/empty.md", "")];
    let id = platform.plant_store("old", &odd);
    let client = client(&platform);
    let copy = block_on(client.clone_store(&id, "copy", Key::root(1))).unwrap();
    assert_eq!(platform.memories(&copy.id), platform.memories(&id));
    let manifest = block_on(client.manifest(&id, Key::root(2))).unwrap();
    assert_eq!(manifest, copy.manifest);
}

#[test]
fn trap_17_cost_is_the_sessions_own_in_dollars() {
    let platform = setup().pace(|pace| pace.cents = 3).start();
    let mut set = Set::of(&platform.address);
    set.choice.budget_cents = Some(150);
    let trial = set.trial("stored");
    let cost = trial.record.usage.unwrap().cost_usd.unwrap();
    assert!((0.03..1.0).contains(&cost), "{cost}");
    let log = platform.log();
    let session = log.iter().find(|it| it.path == "/v1/sessions").unwrap();
    assert_eq!(
        session.body["budget"],
        json!({"type": "limit", "max_list_cost": {"amount": "150", "currency": "USD"}})
    );
    // The cap itself is a fact about the attempt.
    let platform = setup().pace(|pace| pace.cents = 200).start();
    set.base_url.clone_from(&platform.address);
    assert_eq!(set.trial("stored").record.stop, Some(Stop::Budget));
}

#[test]
fn trap_18_an_outcome_begins_the_work_alone_and_its_verdicts_are_kept_apart() {
    let platform = Setup::new()
        .script(clerk)
        .grader(|_, iteration| match iteration {
            0 => Verdict::new("needs_revision", "not yet"),
            _ => Verdict::new("failed", "it does not fit"),
        })
        .start();
    let mut set = Set::of(&platform.address);
    set.choice.outcome = Some(Rubric {
        text: "# Rubric\n- The letter is sent\n".to_owned(),
        most_iterations: 2,
    });
    let trial = set.trial("stored");
    assert_eq!(trial.broken(), "");
    let starts = trial.kinds();
    // The brief of the transcript's head is ours; the platform was sent none.
    let count = |kind: &str| starts.iter().filter(|it| *it == kind).count();
    assert_eq!(
        (count("user.define_outcome"), count("user.message")),
        (1, 1)
    );
    let told = trial
        .events
        .iter()
        .find(|it| it["type"] == "hosted.outcome");
    let told = told.unwrap();
    assert_eq!(
        (&told["first_pass"], &told["final"], &told["iterations"]),
        (&json!("needs_revision"), &json!("failed"), &json!(2))
    );
    // Whatever the platform's grader says, the suite's own judges.
    assert_eq!(trial.record.outcome.completed(), Some(true));
}

#[test]
fn trap_20_no_agent_has_subagents_or_workflows() {
    let log = whole_run().log();
    let made = log
        .iter()
        .filter(|it| it.path == "/v1/agents" && it.method == "POST");
    let bodies: Vec<&Value> = made.map(|it| &it.body).collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0].get("multiagent"), None);
}

#[test]
fn trap_21_effort_is_the_agents_own_and_no_session_overrides_it() {
    let platform = setup().start();
    let mut set = Set::of(&platform.address);
    set.choice.effort = Some("low".to_owned());
    assert_eq!(set.trial("stored").broken(), "");
    let log = platform.log();
    let agent = &log.iter().find(|it| it.path == "/v1/agents").unwrap().body;
    assert_eq!(agent.get("multiagent"), None);
    assert_eq!(
        agent["model"],
        json!({"id": "claude-opus-5", "effort": "low"})
    );
    let sessions = log.iter().filter(|it| it.path == "/v1/sessions");
    assert!(sessions.clone().count() == 1);
    for session in sessions {
        assert_eq!(session.body["agent"]["type"], "agent");
    }
    let other = Fault::edit(|body| body["model"]["effort"] = json!({"type": "high"}));
    platform.misbehave(When::next("POST", "/v1/agents"), other);
    assert_eq!(
        set.trial("stored").broken(),
        "the platform made an agent with effort `high` where `low` was asked for"
    );
}

#[test]
fn trap_22_every_session_of_a_run_pins_one_version_of_one_agent() {
    let log = whole_run().log();
    let bodies = log
        .iter()
        .filter(|it| it.path == "/v1/sessions" && it.method == "POST");
    let mut agents: Vec<String> = bodies.map(|it| it.body["agent"].to_string()).collect();
    assert!(agents.iter().all(|it| it.contains("\"version\":1")));
    agents.dedup();
    assert_eq!(agents.len(), 1);
}

#[test]
fn trap_28_arms_differ_in_the_bytes_of_one_store_and_in_nothing_else() {
    let platform = whole_run();
    let log = platform.log();
    let posted = |path: &str| {
        let of_path = log
            .iter()
            .filter(move |it| it.path == path && it.method == "POST");
        of_path.map(|it| it.body.clone()).collect::<Vec<Value>>()
    };
    let names: Vec<(Value, Value)> = posted("/v1/memory_stores")
        .iter()
        .map(|it| (it["name"].clone(), it["description"].clone()))
        .collect();
    assert!(names.windows(2).all(|it| it[0] == it[1]));
    let of_task: Vec<Value> = posted("/v1/sessions")
        .into_iter()
        .filter(|it| it["metadata"]["task"] == "letter-02")
        .map(|mut body| {
            body["title"].take();
            body["metadata"].take();
            assert!(body["resources"][0]["memory_store_id"].take().is_string());
            body
        })
        .collect();
    assert_eq!(of_task.len(), 3);
    assert!(of_task.windows(2).all(|it| it[0] == it[1]));
}

#[test]
fn trap_30_what_nobody_knows_is_kept_raw_and_breaks_nothing() {
    let odd = json!({"type": "agent.hologram", "x": {"y": [1.5, null]}});
    let ours = json!({"type": "session.outcome", "completed": true});
    let (trial, _) = after(vec![
        Step::Event(odd),
        Step::Event(ours),
        Step::Event(json!({"type": "span.outcome_evaluation_end", "result": 7})),
        Step::say("well"),
        Step::End(Reason::Other("tired".to_owned())),
    ]);
    assert_eq!(
        (trial.broken().as_str(), trial.record.stop),
        ("", Some(Stop::Finished))
    );
    let hologram = trial
        .events
        .iter()
        .find(|it| it["type"] == "agent.hologram");
    assert_eq!(hologram.unwrap()["x"], json!({"y": [1.5, null]}));
    // An event that would pass for the harness's own last line is wrapped.
    let wrapped = trial.events.iter().find(|it| it["type"] == "hosted.event");
    assert_eq!(wrapped.unwrap()["event"]["completed"], true);

    let platform = setup().start();
    let odd = Fault::edit(|body| {
        if body["status"] == "running" || body["status"] == "pending" {
            body["status"] = json!("pondering");
        }
    });
    platform.misbehave(When::next("GET", "/v1/dreams/").times(9), odd);
    let folder = TemporaryFolder::create("hosted").unwrap();
    Set::of(&platform.address).run(folder.path()).finished();
}

#[test]
fn trap_31_listings_are_read_to_their_last_page() {
    let platform = setup()
        .pace(|pace| (pace.page, pace.events) = (2, 2))
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    // Lost answers make it look for what it made, on pages of two.
    for path in ["/v1/memory_stores", "/v1/sessions", "/v1/agents"] {
        platform.misbehave(When::next("POST", path).times(2), Fault::DropAfter);
    }
    Set::of(&platform.address).run(folder.path()).finished();
    let other = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    Set::of(&other.address).run(folder.path()).finished();
    assert_eq!(platform.counts().made, other.counts().made);
}

#[test]
fn trap_31_a_listing_that_leads_in_a_circle_is_told_at_its_first_turn() {
    let platform = setup().pace(|pace| pace.page = 1).start();
    let files = ["/a.md", "/b.md", "/c.md", "/d.md"].map(|it| (it, "- x"));
    let id = platform.plant_store("old", &files);
    let cursors = Arc::new(Mutex::new(0));
    let circle = Fault::edit(move |body| {
        let mut turn = cursors.lock().unwrap();
        body["next_page"] = json!(["n/asc+612e6d64==", "n/asc+622e6d64=="][*turn % 2]);
        *turn += 1;
    });
    platform.misbehave(When::next("GET", "/memories").times(9999), circle);
    let trouble = block_on(client(&platform).export(&id, Key::root(1))).unwrap_err();
    let told = trouble.told();
    assert!(
        told.ends_with("in a circle: page `n/asc+612e6d64==` comes twice"),
        "{told}"
    );
    assert_eq!(platform.requests("GET", "/v1/memory_stores"), 3);
}
