//! Workspaces worked in by models: files that nobody gets out of, commands that leave nothing behind, and sandboxes.

use std::{fs, path::Path, sync::Arc};

use dreameval::{
    agents::chat::{Chat, Delivery},
    chat::Provider,
    domain::trial::{Outcome, Stop},
    files::TemporaryFolder,
    formats::suite::load_suite,
    http::Transport,
    process::Sandbox,
};
use serde_json::{Value, json};

use crate::{
    model_room::{BOTH, Room, Set, broken},
    model_server::{Act, Seen, Server, puppet, results},
    program::{command, end, repository, say},
};

/// The copy room, of which one line may be another.
fn suite(folder: &TemporaryFolder, old: &str, new: &str) -> std::path::PathBuf {
    let suite = folder.path().join("suite");
    dreameval::files::copy_tree(&repository().join("tests/it/suites/copy-room"), &suite).unwrap();
    let text = fs::read_to_string(suite.join("suite.toml")).unwrap();
    assert!(text.contains(old));
    fs::write(suite.join("suite.toml"), text.replace(old, new)).unwrap();
    suite
}

/// A model that does the work of the copy room by its tools.
fn clerk(seen: &Seen) -> Value {
    let text = seen.body["messages"].to_string();
    let is_asked = |words: &str| text.contains(words);
    let file = if is_asked("ledger") {
        "accounts/ledger.txt"
    } else {
        "letter.txt"
    };
    let (calls, words) = if is_asked("Copy") {
        let copy = format!("cp {file} copy.txt");
        (
            vec![("shell", json!({"command": copy}))],
            "Copied.".to_owned(),
        )
    } else if is_asked("How many lines") {
        let lines = results(seen).first().map_or(0, |it| it.lines().count());
        (vec![("read", json!({"path": file}))], lines.to_string())
    } else if is_asked("Write into") && is_asked("Q7") {
        let write = json!({"path": "form.txt", "text": "Q7\n"});
        (vec![("write", write)], "Written.".to_owned())
    } else {
        let known = if is_asked("Q7") { "Q7" } else { "unknown" };
        (Vec::new(), known.to_owned())
    };
    puppet(seen, &calls, &words)
}

/// The first trial of the copy room, whose model makes these calls, with what they came to.
fn after(
    set: impl Fn(Set) -> Set,
    calls: Vec<(&'static str, Value)>,
) -> (Room, Vec<String>, Option<Stop>) {
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "Done.")));
    let mut usual = Set::of(Provider::Anthropic, &server);
    usual.suite = repository().join("tests/it/suites/copy-room");
    let room = set(usual).room();
    let played = room.first();
    assert_eq!(broken(&played), "");
    let results = results(server.seen().last().unwrap());
    (room, results, played.record.stop)
}

#[test]
fn a_model_does_office_work_with_real_files_in_both_protocols() {
    for provider in BOTH {
        let server = Server::start(|seen, _| Act::json(200, &clerk(seen)));
        let mut set = Set::of(provider, &server);
        set.suite = repository().join("tests/it/suites/copy-room");
        let room = set.room();
        let played = room.play();
        let completed = |arm: u16| {
            let trials = room
                .trials
                .iter()
                .zip(&played)
                .filter(|(it, _)| it.arm == arm);
            trials
                .map(|(_, it)| {
                    assert_eq!(broken(it), "");
                    it.record.outcome.completed().unwrap()
                })
                .filter(|it| *it)
                .count()
        };
        // The stamp stands in the notes and nowhere else.
        assert_eq!((completed(0), completed(1)), (4, 6));
        let names: Vec<&str> = server.seen()[0].body["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                it["name"]
                    .as_str()
                    .or(it["function"]["name"].as_str())
                    .unwrap()
                    .to_owned()
            })
            .map(|it| {
                ["list", "read", "write", "edit", "search", "shell"]
                    .into_iter()
                    .find(|name| *name == it)
                    .unwrap()
            })
            .collect();
        assert_eq!(names, ["list", "read", "write", "edit", "search", "shell"]);
        let usage = played[0].record.usage.unwrap();
        assert_eq!((usage.steps, usage.tool_errors), (Some(1), Some(0)));
    }
}

#[test]
fn no_tool_for_files_leads_out_of_the_workspace() {
    let outside = TemporaryFolder::create("outside").unwrap();
    fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    let path = outside.path().join("secret.txt").display().to_string();
    let link = format!(
        "ln -s {} link; ln -s {path} secret; mkfifo pipe; printf 'a\\377' > odd.bin",
        outside.path().display()
    );
    let (_, results, stop) = after(
        |set| set,
        vec![
            ("shell", json!({"command": link})),
            ("read", json!({"path": path})),
            ("read", json!({"path": "../../etc/passwd"})),
            ("read", json!({"path": "link/secret.txt"})),
            ("read", json!({"path": "secret"})),
            ("write", json!({"path": "link/new.txt", "text": "x"})),
            (
                "edit",
                json!({"path": "secret", "old": "secret", "new": "x"}),
            ),
            ("read", json!({"path": "pipe"})),
            ("read", json!({"path": "odd.bin"})),
        ],
    );
    assert_eq!(stop, Some(Stop::Finished));
    assert_eq!(
        results[1..],
        [
            format!("`{path}` leads out of the workspace: paths are relative to it"),
            "`../../etc/passwd` leads out of the workspace: paths are relative to it".to_owned(),
            "`link/secret.txt` leads over a link, and links are not followed here".to_owned(),
            "`secret` leads over a link, and links are not followed here".to_owned(),
            "`link/new.txt` leads over a link, and links are not followed here".to_owned(),
            "`secret` leads over a link, and links are not followed here".to_owned(),
            "`pipe` is neither a file nor a folder".to_owned(),
            "`odd.bin` is no text: its byte 1 fits no character of UTF-8".to_owned(),
        ]
    );
    assert_eq!(
        fs::read_to_string(outside.path().join("secret.txt")).unwrap(),
        "secret"
    );
    assert!(!outside.path().join("new.txt").exists());
}

#[test]
fn a_command_past_the_time_of_its_trial_ends_it_and_leaves_nothing_behind() {
    let began = std::time::Instant::now();
    let (_, _, stop) = after(
        |mut set| {
            set.seconds = 1;
            set
        },
        vec![
            (
                "shell",
                json!({"command": "setsid sleep 71.25 & sleep 71.25"}),
            ),
            ("list", json!({})),
        ],
    );
    assert_eq!(stop, Some(Stop::Seconds));
    assert!(began.elapsed().as_secs() < 20);
    let left = std::process::Command::new("sh")
        .args(["-c", "ps -eo args | grep -c '^sleep 71[.]25'"])
        .output()
        .unwrap();
    assert_eq!(left.stdout, b"0\n");
}

#[test]
fn calls_that_name_nothing_cost_a_step_and_say_how_to_mend_it() {
    let calls = vec![
        ("red", json!({"path": "letter.txt"})),
        ("read", json!({"pth": "letter.txt"})),
        ("read", json!({})),
        ("read", json!({"path": 3})),
        ("read", json!({"path": "letter.txt", "first": "one"})),
    ];
    let (_, results, _) = after(|set| set, calls);
    assert_eq!(
        results,
        [
            "there is no tool `red`: did you mean `read`? tools: list, read, write, edit, search, shell",
            "`pth` is no argument: did you mean `path`? arguments: first, last, path",
            "`path` is missing",
            "`path` is a text",
            "`first` is a whole number from 1",
        ]
    );
    let (_, _, stop) = after(|set| set, vec![("fly", json!({})); 30]);
    assert_eq!(stop, Some(Stop::Steps));
}

#[test]
fn a_command_sees_no_key_and_where_its_folder_lies_is_not_told() {
    let calls = vec![("shell", json!({"command": "env; pwd"}))];
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "Done.")));
    let mut set = Set::of(Provider::Anthropic, &server);
    set.suite = repository().join("tests/it/suites/copy-room");
    let told = set.room().first_session();
    let results = results(server.seen().last().unwrap());
    let names: Vec<&str> = results[0]
        .lines()
        .filter_map(|it| it.split_once('='))
        .map(|it| it.0)
        .collect();
    let known = [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "TZ",
        "DREAMEVAL_PROGRAM",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    assert!(names.iter().all(|it| known.contains(it)), "{names:?}");
    assert_eq!(results[0].lines().last(), Some("."));
    assert!(told.contains("agent.tool_result") && !told.contains("dreameval-trial"));
}

#[test]
fn a_suite_says_which_tools_its_workspace_has() {
    let folder = TemporaryFolder::create("tools").unwrap();
    let files = r#"{ files = "files/" }"#;
    let some = suite(&folder, files, r#"{ files = "files/", tools = ["files"] }"#);
    let all = repository().join("tests/it/suites/copy-room");
    let (some, all) = (
        load_suite(&some, None).unwrap(),
        load_suite(&all, None).unwrap(),
    );
    assert!(some.kit.files && !some.kit.shell && all.kit.files && all.kit.shell);
    assert_ne!(some.digests.get("tools"), all.digests.get("tools"));
    let other = TemporaryFolder::create("tools").unwrap();
    let wrong = suite(&other, files, r#"{ files = "files/", tools = ["shel"] }"#);
    let told = load_suite(&wrong, None).unwrap_err().to_string();
    assert!(
        told.contains("a workspace has no tools called `shel`")
            && told.contains("did you mean `shell`?"),
        "{told}"
    );
}

#[test]
fn in_a_sandbox_a_command_reaches_its_folder_and_neither_homes_nor_the_network() {
    // Where the machine can make none, that is what is told, and there is nothing else to see.
    let suite = repository().join("tests/it/suites/copy-room");
    let sandbox = Sandbox {
        has_network: false,
        hidden: vec![suite.clone()],
    };
    let sandbox = match sandbox.tried() {
        Ok(sandbox) => sandbox,
        Err(error) => {
            assert!(error.to_string().contains("bwrap"));
            return;
        }
    };
    let home = TemporaryFolder::create("home").unwrap();
    fs::write(home.path().join("key"), "hidden").unwrap();
    let script = format!(
        "cat letter.txt | head -1; cat {}/key || echo no key; touch /usr/x || echo read-only; ls -A {} | grep suite.toml; ls /proc/net/tcp >/dev/null; \
         grep -c : /proc/net/dev; setsid sleep 72.25 & sleep 72.25 &",
        home.path().display(),
        suite.display()
    );
    let calls = vec![("shell", json!({"command": script}))];
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "Done.")));
    let mut set = Set::of(Provider::Anthropic, &server);
    set.suite = repository().join("tests/it/suites/copy-room");
    let room = set.room_of(|model| Chat::new(model, Delivery::Context).confined(Some(sandbox)));
    assert!(dreameval::agents::Agent::name(&*Arc::clone(&room.agent)).contains("sandbox"));
    assert_eq!(broken(&room.first()), "");
    let said = results(server.seen().last().unwrap()).concat();
    assert!(said.starts_with("Dear client,"), "{said}");
    assert!(
        said.contains("no key") && !said.contains("hidden"),
        "{said}"
    );
    assert!(said.contains("read-only"), "{said}");
    assert!(
        !said.contains("suite.toml"),
        "the answers stand there: {said}"
    );
    // The loopback and no other device.
    assert!(said.ends_with("\n1"), "{said}");
    let left = std::process::Command::new("sh")
        .args(["-c", "ps -eo args | grep -c '^sleep 72[.]25'"])
        .output()
        .unwrap();
    assert_eq!(left.stdout, b"0\n");
}

/// Programs on a `PATH` of one's own, without `bwrap`.
fn without_bwrap(folder: &Path) -> String {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
    bin.display().to_string()
}

#[test]
fn a_sandbox_that_cannot_be_had_is_refused_before_anything_runs() {
    let folder = TemporaryFolder::create("sandbox").unwrap();
    let suite = repository()
        .join("tests/it/suites/copy-room")
        .display()
        .to_string();
    let path = without_bwrap(folder.path());
    for agent in ["command:sh -c true", "openai:m"] {
        let mut command = command(
            folder.path(),
            [
                "run",
                &suite,
                "--agent",
                agent,
                "--base-url",
                "http://127.0.0.1:9",
                "--sandbox",
                "--out",
                "run",
            ],
        );
        let said = end(command.env("PATH", &path).spawn().unwrap());
        assert_eq!(said.code, Some(2), "{}", said.talk);
        assert!(
            said.talk.contains("`--sandbox` needs the program `bwrap`"),
            "{}",
            said.talk
        );
    }
    let said = say(
        folder.path(),
        ["run", &suite, "--agent", "embedded", "--sandbox"],
    );
    assert_eq!(said.code, Some(2));
    assert!(
        said.talk.contains("`embedded` runs nothing"),
        "{}",
        said.talk
    );
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_program_in_a_sandbox_plays_as_it_does_outside() {
    let sandbox = Sandbox {
        has_network: true,
        ..Sandbox::default()
    };
    if sandbox.tried().is_err() {
        return;
    }
    let folder = TemporaryFolder::create("sandbox").unwrap();
    let room = repository().join("tests/it/suites/copy-room");
    let suite = room.display().to_string();
    fs::copy(room.join("clerk.sh"), folder.path().join("clerk.sh")).unwrap();
    let words = [
        "run",
        &suite,
        "--agent",
        "command:sh clerk.sh",
        "--sandbox",
        "--arms",
        "bare,stored",
        "--repeats",
        "1",
        "--pairs",
        "0",
        "--out",
        "run",
        "-q",
    ];
    let said = say(folder.path(), words);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let kept = fs::read_to_string(folder.path().join("run/run.json")).unwrap();
    assert!(kept.contains("\"sandbox\": true"));
    let journal = fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    let completed = journal.matches("\"completed\":true").count();
    let broken: Vec<&str> = journal
        .lines()
        .filter(|it| it.contains("\"broken\""))
        .collect();
    assert_eq!(broken, Vec::<&str>::new());
    assert!(10 <= completed, "{completed}");
}

#[test]
fn an_outcome_of_a_workspace_is_graded_and_never_broken_by_what_a_model_does_there() {
    let calls = vec![
        (
            "shell",
            json!({"command": "rm -rf ./* .[a-z]*; rmdir \"$PWD\""}),
        ),
        ("list", json!({})),
        ("read", json!({"path": "letter.txt"})),
        ("write", json!({"path": "a/b", "text": "x"})),
        ("search", json!({"pattern": "x"})),
    ];
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "Done.")));
    let mut set = Set::of(Provider::OpenAi, &server);
    set.suite = repository().join("tests/it/suites/copy-room");
    let played = set.room().first();
    match &played.record.outcome {
        Outcome::Graded(grade) => assert!(!grade.completed),
        Outcome::Broken(told) => panic!("{told}"),
    }
}

/// The suite that the documentation has the reader write.
fn documented(folder: &TemporaryFolder) -> std::path::PathBuf {
    let page = fs::read_to_string(repository().join("docs/environments.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (suite, _) = rest.split_once("```").unwrap();
    let room = folder.path().join("front-desk");
    fs::create_dir_all(room.join("files")).unwrap();
    fs::create_dir_all(room.join("memory")).unwrap();
    fs::write(
        room.join("files/letter.txt"),
        "Dear client,\nall is well.\n",
    )
    .unwrap();
    fs::write(
        room.join("memory/notes.md"),
        "- A form gets the stamp Q7.\n",
    )
    .unwrap();
    fs::write(room.join("suite.toml"), suite).unwrap();
    room
}

#[test]
fn every_grader_of_the_documentation_is_read() {
    let folder = TemporaryFolder::create("documented").unwrap();
    let page = fs::read_to_string(repository().join("docs/graders.md")).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (graders, _) = rest.split_once("```").unwrap();
    let head = "format = 1\nname = \"x\"\nabout = \"x\"\nlimits = { steps = 5 }\n\
                environment.workspace = { files = \"files/\" }\nmemory = \"memory/\"\n\n[[role]]\nname = \"clerk\"\n";
    let mut suite = head.to_owned();
    for (number, grade) in graders.lines().enumerate() {
        suite.push_str(&format!(
            "\n[[task]]\nid = \"t{number}\"\nfamily = \"t{number}\"\nsplit = \"test\"\nrole = \"clerk\"\n\
             prompt = \"x\"\nvalues = {{ day = \"1 June\", total = \"3\" }}\n{grade}\n"
        ));
    }
    for name in ["files", "memory"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("a.md"), "- x\n").unwrap();
    }
    fs::write(folder.path().join("suite.toml"), suite).unwrap();
    let read = load_suite(folder.path(), None).unwrap();
    assert_eq!(read.tasks.len(), 11);
}

#[test]
fn the_suite_of_the_documentation_plays_as_it_says() {
    let folder = TemporaryFolder::create("documented").unwrap();
    let server = Server::start(|seen, _| Act::json(200, &clerk(seen)));
    let mut set = Set::of(Provider::Anthropic, &server);
    set.suite = documented(&folder);
    let room = set.room();
    let played = room.play();
    let completed: Vec<(u16, bool)> = room
        .trials
        .iter()
        .zip(&played)
        .map(|(trial, it)| {
            assert_eq!(broken(it), "");
            (trial.arm, it.record.outcome.completed().unwrap())
        })
        .collect();
    let of = |arm| completed.iter().filter(|it| **it == (arm, true)).count();
    // Lines are counted without notes; the stamp stands in them alone.
    assert_eq!((completed.len(), of(0), of(1)), (4, 1, 2));
}

#[test]
fn a_recorded_room_is_played_again_to_the_same_requests() {
    let folder = TemporaryFolder::create("tape").unwrap();
    let tape = folder.path().join("tape.jsonl");
    let script = "pwd; ls -R; cp letter.txt copy.txt; echo no >&2; exit 1";
    let calls = vec![
        ("shell", json!({"command": script})),
        ("search", json!({"pattern": "client"})),
    ];
    let server = Server::start(move |seen, _| Act::json(200, &puppet(seen, &calls, "2")));
    let play = |transport: Transport| {
        let mut set = Set::of(Provider::OpenAi, &server);
        set.suite = repository().join("tests/it/suites/copy-room");
        set.settings.transport = transport;
        let mut played = set.room().play();
        for played in &mut played {
            assert_eq!(broken(played), "");
            // A command takes its own time whenever it is run.
            played.record.usage.as_mut().unwrap().seconds = None;
            played.record.transcript = None;
        }
        played.into_iter().map(|it| it.record).collect::<Vec<_>>()
    };
    let recorded = play(Transport::Record(tape.clone()));
    let asked = server.seen().len();
    assert_eq!(play(Transport::Replay(tape)), recorded);
    assert_eq!(server.seen().len(), asked);
    assert!(
        recorded
            .iter()
            .all(|it| it.usage.unwrap().tool_errors == Some(1))
    );
}
