//! Tools of servers, by the Model Context Protocol: over pipes and over HTTP, well-behaved and not.

use std::{fs, path::PathBuf, process::Command, sync::Arc, time::Duration};

use dreameval::{
    agents::chat::{Chat, Delivery},
    chat::Provider,
    domain::trial::{Outcome, Stop},
    files::{TemporaryFolder, copy_tree},
    formats::suite::load_suite,
    http::{Client, Clock, Credential, Settings, Transport},
    runner::bench::Played,
    secret::Secret,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    model_room::{BOTH, KEY, Room, Set, broken},
    model_server::{Act, Seen, Server, puppet, results},
    program::{repository, say},
};

fn tool_room() -> PathBuf {
    repository().join("tests/it/suites/tool-room")
}

/// The tool room with its server told how to misbehave.
fn changed(folder: &TemporaryFolder, old: &str, new: &str) -> PathBuf {
    let suite = folder.path().join("suite");
    copy_tree(&tool_room(), &suite).unwrap();
    let text = fs::read_to_string(suite.join("suite.toml")).unwrap();
    assert!(text.contains(old));
    fs::write(suite.join("suite.toml"), text.replace(old, new)).unwrap();
    suite
}

/// The first trial of a suite whose model makes these calls, and what they came to.
fn after(suite: PathBuf, calls: Vec<(&'static str, Value)>) -> (Played, Vec<String>) {
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "5")));
    let mut set = Set::of(Provider::Anthropic, &server);
    set.suite = suite;
    let played = set.room().first();
    let told = server.seen().last().map_or_else(Vec::new, results);
    (played, told)
}

fn count_of(pattern: &str) -> String {
    let found = Command::new("sh")
        .args(["-c", &format!("ps -eo args | grep -c '{pattern}'")])
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_model_works_with_the_tools_of_a_server_in_both_protocols() {
    for provider in BOTH {
        let calls = vec![("office_add", json!({"one": 2, "other": 3}))];
        let server = Server::start(move |seen, _| {
            let answer = results(seen).first().cloned().unwrap_or_default();
            Act::json(200, &puppet(seen, &calls, &answer))
        });
        let mut set = Set::of(provider, &server);
        set.suite = tool_room();
        let room = set.room();
        for played in room.play() {
            assert_eq!(broken(&played), "");
            assert_eq!(played.record.outcome.completed(), Some(true));
            let usage = played.record.usage.unwrap();
            assert_eq!((usage.steps, usage.tool_errors), (Some(1), Some(0)));
        }
        let tools = server.seen()[0].body["tools"].as_array().unwrap().clone();
        let name = |it: &Value| {
            let name = it["name"].as_str().or(it["function"]["name"].as_str());
            name.unwrap().to_owned()
        };
        // Three pages, and names every provider takes.
        let names: Vec<String> = tools.iter().map(name).collect();
        assert_eq!(names.len(), 13);
        assert_eq!(names[11..], ["office_odd_name", "office_odd_name_2"]);
        assert!(
            server.seen()[0]
                .body
                .to_string()
                .contains("You can make 12 calls.")
        );
    }
}

#[test]
fn what_a_server_does_amiss_in_a_call_is_told_to_the_model_and_breaks_nothing() {
    let names = [
        "fail",
        "image",
        "long",
        "where",
        "questions",
        "noise",
        "late",
        "add",
        "odd/name",
    ];
    let calls = vec![
        ("office_fail", json!({})),
        ("office_image", json!({})),
        ("office_long", json!({})),
        ("office_where", json!({})),
        ("office_questions", json!({})),
        ("office_noise", json!({})),
        ("office_late", json!({})),
        ("office_add", json!({"one": 2, "other": 3})),
        ("office_odd_name", json!({})),
        ("office_fly", json!({})),
    ];
    assert_eq!(names.len() + 1, calls.len());
    let (played, told) = after(tool_room(), calls);
    assert_eq!(broken(&played), "");
    assert_eq!(told[0], "it cannot be done");
    assert_eq!(told[1], "(image/png, 4 bytes, not shown)");
    assert!(told[2].chars().count() < 16_100 && told[2].contains("left out"));
    // An empty folder, and no key.
    assert_eq!(told[3], ";None");
    assert_eq!(told[4], "[{}, -32601]");
    assert_eq!(told[5], "heard");
    assert_eq!(told[6], "no answer within 2 seconds");
    // The late answer is passed over, whenever it comes.
    assert_eq!(told[7], "5");
    assert_eq!(told[8], "error -32602: there is no 'odd/name'");
    assert!(
        told[9].starts_with("there is no tool `office_fly`"),
        "{}",
        told[9]
    );
    let usage = played.record.usage.unwrap();
    assert_eq!((usage.steps, usage.tool_errors), (Some(10), Some(4)));
    assert!(2.0 <= usage.seconds.unwrap(), "the time of tools counts");
}

#[test]
fn a_server_that_dies_breaks_its_trial_with_its_last_words() {
    let (played, _) = after(tool_room(), vec![("office_die", json!({}))]);
    assert_eq!(
        broken(&played),
        "the tool server `office` is dead: it ended; its last words: the roof fell in"
    );
    assert!(
        played.record.usage.unwrap().input_tokens.is_some(),
        "what was paid is kept"
    );
    let (played, _) = after(tool_room(), vec![("office_flood", json!({}))]);
    assert_eq!(
        broken(&played),
        "the tool server `office` is dead: it wrote a line of more than 4194304 bytes"
    );
}

#[test]
fn a_server_that_cannot_be_used_breaks_its_trials_before_a_model_is_asked() {
    let command = r#"["python3", "server.py"]"#;
    for (new, told) in [
        (
            r#"["python3", "server.py", "refuse"]"#,
            "it refuses `initialize`: error -32000: not today",
        ),
        (
            r#"["python3", "server.py", "endless"]"#,
            "its tools have more than 50 pages",
        ),
        (
            r#"["python3", "server.py", "silent"]"#,
            "it gave no answer to `initialize` within 2 seconds",
        ),
        (
            r#"["no-such-program"]"#,
            "program `no-such-program` cannot be started",
        ),
        (
            r#"["sh", "-c", "echo no luck >&2"]"#,
            "it ended; its last words: no luck",
        ),
        (
            r#"["sh", "-c", "echo no $PWD/server.js >&2"]"#,
            "it ended; its last words: no ./server.js",
        ),
    ] {
        let folder = TemporaryFolder::create("server").unwrap();
        let (played, asked) = after(changed(&folder, command, new), Vec::new());
        assert_eq!(
            broken(&played),
            format!("the tool server `office` is of no use: {told}")
        );
        assert_eq!(asked, Vec::<String>::new());
    }
}

#[test]
fn no_server_and_nothing_it_started_outlives_its_trial() {
    let (played, told) = after(tool_room(), vec![("office_leave", json!({}))]);
    assert_eq!((broken(&played).as_str(), told[0].as_str()), ("", "left"));
    assert_eq!(count_of("^sleep 79[.]5"), "0");
}

#[test]
fn the_time_of_a_trial_bounds_its_tools() {
    let server = Server::start(|seen, _| {
        let calls = vec![("office_late", json!({})); 9];
        Act::json(200, &puppet(seen, &calls, "5"))
    });
    let mut set = Set::of(Provider::Anthropic, &server);
    set.suite = tool_room();
    set.seconds = 1;
    let played = set.room().first();
    assert_eq!(
        (broken(&played).as_str(), played.record.stop),
        ("", Some(Stop::Seconds))
    );
}

/// A server with an address: JSON or a stream of events, with a session.
fn office(seen: &Seen) -> Act {
    let session = vec![("mcp-session-id", "session-7".to_owned())];
    if seen.body.is_null() {
        return Act::Answer(204, Vec::new(), String::new());
    }
    let method = seen.body["method"].as_str().unwrap();
    let id = &seen.body["id"];
    if method != "initialize" {
        assert_eq!(seen.headers["mcp-session-id"], "session-7");
        assert_eq!(seen.headers["mcp-protocol-version"], "2025-06-18");
    }
    assert_eq!(
        seen.headers["accept"],
        "application/json, text/event-stream"
    );
    let answer = |result: Value| json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
    let name = seen.body["params"]["name"].as_str().unwrap_or_default();
    match (method, name) {
        ("initialize", _) => {
            let result = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}});
            Act::Answer(200, session, answer(result))
        }
        ("notifications/initialized", _) => Act::Answer(202, Vec::new(), String::new()),
        ("tools/list", _) => {
            let listed = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
            let tools: Vec<Value> = ["add", "stream", "drop", "odd", "hang"].map(listed).into();
            Act::Answer(200, Vec::new(), answer(json!({"tools": tools})))
        }
        (_, "stream") => {
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress"});
            let text = answer(json!({"content": [{"type": "text", "text": "5"}]}));
            Act::Open(format!(
                "event: message\ndata: {progress}\n\ndata: {text}\n\n"
            ))
        }
        (_, "drop") => Act::Drop,
        (_, "hang") => Act::Hang,
        (_, "odd") => Act::json(200, &json!({"jsonrpc": "2.0", "id": 77, "result": {}})),
        _ => Act::Answer(
            200,
            Vec::new(),
            answer(json!({"content": [{"type": "text", "text": "5"}]})),
        ),
    }
}

/// A room whose tools are at an address, and the model of which makes these calls.
fn far_room(
    models: &Server,
    tools: &Server,
    transport: Transport,
    folder: &TemporaryFolder,
) -> Room {
    let url = format!("url = \"{}/mcp/\"", tools.address);
    let suite = match folder.path().join("suite").exists() {
        true => folder.path().join("suite"),
        false => changed(folder, r#"command = ["python3", "server.py"]"#, &url),
    };
    let mut set = Set::of(Provider::Anthropic, models);
    set.suite = suite;
    set.settings.transport = transport.clone();
    let settings = Settings {
        credential: Some(Credential {
            header: "authorization".to_owned(),
            secret: Secret::new(KEY),
            is_bearer: true,
        }),
        transport,
        tries: 2,
        total: Duration::from_secs(5),
        clock: Clock::told(),
        ..Settings::new(tools.address.clone())
    };
    let client = Arc::new(Client::new(settings).unwrap());
    set.room_of(|model| {
        let mut chat = Chat::new(model, Delivery::Context);
        chat.reaches("office", client);
        chat
    })
}

fn calling(calls: Vec<(&'static str, Value)>) -> Server {
    Server::start(move |seen, _| {
        let answer = results(seen).last().cloned().unwrap_or_default();
        Act::json(200, &puppet(seen, &calls, &answer))
    })
}

#[test]
fn a_server_with_an_address_is_recorded_and_played_again_without_a_network_or_a_key() {
    let calls = vec![
        ("office_add", json!({"one": 2, "other": 3})),
        ("office_stream", json!({})),
    ];
    let (models, tools) = (calling(calls), Server::start(|seen, _| office(seen)));
    let folder = TemporaryFolder::create("far").unwrap();
    let tape = folder.path().join("tape.jsonl");
    let room = far_room(&models, &tools, Transport::Record(tape.clone()), &folder);
    let played = room.play();
    for played in &played {
        assert_eq!(broken(played), "");
        assert_eq!(played.record.outcome.completed(), Some(true));
    }
    let seen = tools.seen();
    assert!(seen.iter().all(|it| it.path == "/mcp/"));
    assert!(
        seen.iter()
            .all(|it| it.headers["authorization"] == format!("Bearer {KEY}"))
    );
    let left = seen.iter().filter(|it| it.body.is_null()).count();
    assert_eq!(left, played.len(), "each session is taken leave of");
    let text = fs::read_to_string(&tape).unwrap();
    assert!(text.contains("tools/call") && !text.contains(KEY));

    let (asked, called) = (models.seen().len(), tools.seen().len());
    let again = far_room(&models, &tools, Transport::Replay(tape), &folder).play();
    let lines = |it: &[Played]| it.iter().map(|it| it.line.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&again), lines(&played));
    assert_eq!((models.seen().len(), tools.seen().len()), (asked, called));
}

#[test]
fn a_server_with_an_address_is_answered_what_it_asks_before_it_answers() {
    let goes_on = Arc::new(Notify::new());
    let tools = Server::start(move |seen, _| {
        if seen.body["method"].is_null() && !seen.body.is_null() {
            // Two replies, the second of which lets the call go on.
            if seen.body["id"] == "e-2" {
                goes_on.notify_one();
            }
            return Act::Answer(202, Vec::new(), String::new());
        }
        if seen.body["params"]["name"] != "add" {
            return office(seen);
        }
        let asks = |id: &str, method: &str| {
            format!(
                "data: {}\n\n",
                json!({"jsonrpc": "2.0", "id": id, "method": method})
            )
        };
        let result = json!({"content": [{"type": "text", "text": "5"}]});
        let answer = json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": result});
        let first = asks("p-1", "ping") + &asks("e-2", "elicitation/create");
        Act::Asks(first, Arc::clone(&goes_on), format!("data: {answer}\n\n"))
    });
    let models = calling(vec![("office_add", json!({}))]);
    let folder = TemporaryFolder::create("server").unwrap();
    let played = far_room(&models, &tools, Transport::Live, &folder).first();
    assert_eq!(broken(&played), "");
    assert_eq!(models.seen().last().map(results).unwrap(), ["5"]);
    let replies: Vec<Value> = tools.seen().into_iter().map(|it| it.body).collect();
    let to = |id: &str| replies.iter().find(|it| it["id"] == id).unwrap().clone();
    assert_eq!(to("p-1")["result"], json!({}));
    assert_eq!(to("e-2")["error"]["code"], -32601);
}

#[test]
fn a_server_with_an_address_that_drops_or_answers_nonsense_is_dead_and_one_that_hangs_is_late() {
    let after = |call: &'static str| {
        let (models, tools) = (
            calling(vec![(call, json!({}))]),
            Server::start(|seen, _| office(seen)),
        );
        let folder = TemporaryFolder::create("far").unwrap();
        let room = far_room(&models, &tools, Transport::Live, &folder);
        let calls = || {
            let seen = tools.seen();
            seen.iter()
                .filter(|it| it.body["method"] == "tools/call")
                .count()
        };
        let played = room.first();
        (
            broken(&played),
            calls(),
            models.seen().last().map_or_else(Vec::new, results),
        )
    };
    let (told, calls, _) = after("office_drop");
    assert!(
        told.starts_with("the tool server `office` is dead: the connection was cut"),
        "{told}"
    );
    assert_eq!(
        calls, 1,
        "a call may have done its work, and is not made again"
    );
    let (told, _, _) = after("office_odd");
    assert_eq!(
        told,
        "the tool server `office` is dead: its answer is none to what it was asked"
    );
    let (told, calls, said) = after("office_hang");
    assert_eq!((told.as_str(), calls), ("", 1));
    assert_eq!(said, ["no answer within 2 seconds"]);
    let (models, tools) = (
        calling(Vec::new()),
        Server::start(|_, _| Act::json(500, &json!({}))),
    );
    let folder = TemporaryFolder::create("far").unwrap();
    let played = far_room(&models, &tools, Transport::Live, &folder).first();
    assert!(
        broken(&played).starts_with("the tool server `office` is of no use: it answered 500"),
        "{}",
        broken(&played)
    );
}

#[test]
fn a_suite_that_names_a_server_wrongly_is_told_where_and_how_to_mend_it() {
    let command = r#"command = ["python3", "server.py"]"#;
    for (new, told, mend) in [
        (
            "",
            "a tool server has either a `command` or a `url`",
            "give one of them",
        ),
        (
            "command = [\"a\"]\nurl = \"http://x\"",
            "a tool server has either a `command` or a `url`",
            "give one of them",
        ),
        (
            "command = []",
            "this tool server names no program",
            "server.py",
        ),
        (
            "url = \"ftp://x\"",
            "this `url` is no address of a tool server",
            "http://localhost",
        ),
        (
            "url = \"http://x/mcp?key=planted\"",
            "this `url` is no address of a tool server",
            "names the environment variable",
        ),
        (
            "url = \"http://me:planted@x/mcp\"",
            "this `url` is no address of a tool server",
            "names the environment variable",
        ),
        (
            "url = \"http://x/mcp\"\nkey = \"sk-planted\"",
            "the `key` of this tool server is not the name of an environment variable",
            "key = \"MY_TOKEN\"",
        ),
        ("commnd = [\"a\"]", "commnd", "command"),
        (
            "command = [\"a\"]\n[[mcp]]\nname = \"office\"\ncommand = [\"b\"]",
            "two tool servers are called `office`",
            "",
        ),
    ] {
        let folder = TemporaryFolder::create("server").unwrap();
        let fault = load_suite(&changed(&folder, command, new), None).unwrap_err();
        let fault = fault.to_string();
        assert!(fault.contains(told) && fault.contains(mend), "{fault}");
        assert!(
            fault.contains("suite.toml:") && !fault.contains("planted"),
            "{fault}"
        );
    }
    let folder = TemporaryFolder::create("server").unwrap();
    let named = changed(&folder, "name = \"office\"", "name = \"the office\"");
    let fault = load_suite(&named, None).unwrap_err().to_string();
    assert!(fault.contains("cannot be called `the office`"), "{fault}");
}

#[test]
fn a_changed_server_is_another_suite() {
    let digest = |suite: PathBuf| load_suite(&suite, None).unwrap().digests["tool servers"];
    let folder = TemporaryFolder::create("server").unwrap();
    let copy = changed(&folder, "seconds = 2", "seconds = 2");
    assert_eq!(
        digest(copy.clone()),
        digest(tool_room()),
        "wherever it lies"
    );
    let script = copy.join("server.py");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replace("Does ", "Will ")).unwrap();
    assert_ne!(digest(copy), digest(tool_room()));
}

#[test]
fn agents_that_cannot_call_a_server_are_refused_and_a_model_plays_from_the_command_line() {
    let folder = TemporaryFolder::create("server").unwrap();
    let suite = tool_room().display().to_string();
    for agent in ["embedded", "command:sh -c true"] {
        let said = say(folder.path(), ["run", &suite, "--agent", agent]);
        assert_eq!(said.code, Some(2), "{}", said.talk);
        assert!(
            said.talk.contains("gives tools of servers"),
            "{}",
            said.talk
        );
    }
    let server = calling(vec![("office_add", json!({"one": 2, "other": 3}))]);
    let base = format!("{}/v1", server.address);
    let words = [
        "run",
        &suite,
        "--agent",
        "openai:m",
        "--base-url",
        &base,
        "--arms",
        "bare,stored",
        "--repeats",
        "2",
        "--pairs",
        "0",
        "--out",
        "run",
        "-q",
    ];
    let said = say(folder.path(), words);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let journal = fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    let graded = journal.lines().skip(1).map(|it| {
        let record: Value = serde_json::from_str(it).unwrap();
        let outcome: Outcome = serde_json::from_value(record["outcome"].clone()).unwrap();
        (record["stage"].clone(), outcome.completed())
    });
    let tests: Vec<_> = graded.filter(|(stage, _)| *stage == "replay").collect();
    assert_eq!(tests.len(), 4);
    assert!(tests.iter().all(|(_, it)| *it == Some(true)), "{tests:?}");
}

#[test]
fn servers_end_where_the_harness_is_killed() {
    let folder = TemporaryFolder::create("server").unwrap();
    let mark = format!("killed-{}", std::process::id());
    let command = r#"command = ["python3", "server.py"]"#;
    let marked = format!(r#"command = ["python3", "server.py", "{mark}"]"#);
    let suite = changed(&folder, command, &marked).display().to_string();
    let server = Server::start(|_, _| Act::Hang);
    let base = format!("{}/v1", server.address);
    let words = [
        "run",
        &suite,
        "--agent",
        "openai:m",
        "--base-url",
        &base,
        "--arms",
        "bare",
        "--pairs",
        "0",
        "--out",
        "run",
        "-q",
    ];
    let mut child = crate::program::command(folder.path(), words)
        .spawn()
        .unwrap();
    let pattern = format!("server[.]py {mark}");
    let becomes = |is_wanted: fn(&str) -> bool| {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            is_wanted(&count_of(&pattern))
        })
    };
    assert!(becomes(|it| it != "0"), "no server was started");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(becomes(|it| it == "0"), "a server was left");
}
