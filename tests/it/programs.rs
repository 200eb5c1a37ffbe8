//! Programs as agents and as dreamers: what they are given, how they misbehave, and what is left of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use dreameval::domain::id::Digest;
use dreameval::files::{TemporaryFolder, copy_tree, list};
use dreameval::runner::transcripts::library_of;
use serde_json::Value;

use crate::program::{Said, command, end, post_room, repository, say};

/// A folder with the suite in it, the programs of the suite beside it, and one more program.
struct Room {
    folder: TemporaryFolder,
}

impl Room {
    fn new() -> Self {
        let folder = TemporaryFolder::create("programs").unwrap();
        let suite = repository().join("tests/it/suites/copy-room");
        copy_tree(&suite, &folder.path().join("suite")).unwrap();
        for program in ["clerk.sh", "dreamer.sh"] {
            fs::rename(
                folder.path().join("suite").join(program),
                folder.path().join(program),
            )
            .unwrap();
        }
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Lines of a file that programs add to; none where it is not there.
    fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.path().join(name)).map_or(0, |it| it.lines().count())
    }

    /// The same suite with other limits.
    fn seconds(&self, seconds: u32) {
        let suite = self.path().join("suite/suite.toml");
        let text = fs::read_to_string(&suite).unwrap();
        fs::write(
            suite,
            text.replace("seconds = 20", &format!("seconds = {seconds}")),
        )
        .unwrap();
    }

    /// The arguments of a run of the arms `bare` and `stored`, 12 trials, in folder `run`.
    fn arguments(agent: &str, more: &[&str]) -> Vec<String> {
        let words = [
            "run",
            "suite",
            "--agent",
            agent,
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
        words
            .iter()
            .chain(more)
            .map(|it| (*it).to_owned())
            .collect()
    }

    fn run(&self, agent: &str, more: &[&str]) -> Said {
        say(self.path(), Self::arguments(agent, more))
    }

    fn records(&self) -> Vec<Value> {
        let journal = fs::read_to_string(self.path().join("run/journal.jsonl")).unwrap();
        let lines = journal.lines().skip(1);
        lines.map(|it| serde_json::from_str(it).unwrap()).collect()
    }
}

/// Processes that programs of the process `of` left, by their command lines.
fn left_by(of: u32) -> Vec<String> {
    let mark = format!("DREAMEVAL_PROGRAM={of}-");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let bears = |it: &[u8]| it.starts_with(mark.as_bytes());
        if environment.split(|byte| *byte == 0).any(bears) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    found
}

/// Temporary folders of the process `of` that are still there. Those older than `since` are of another that was killed and
/// had its number.
fn folders_of(of: u32, since: SystemTime) -> Vec<PathBuf> {
    let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let mark = format!("-{of}-");
    let paths = entries.map(|it| it.path());
    paths
        .filter(|it| {
            let name = it.file_name().unwrap().to_string_lossy();
            let made = it.metadata().and_then(|it| it.modified());
            name.starts_with("dreameval-")
                && name.contains(&mark)
                && made.is_ok_and(|made| since <= made)
        })
        .collect()
}

/// How often each outcome came about: `broken: why`, or `graded, stop`.
fn outcomes(records: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        let word = match record["outcome"]["broken"].as_str() {
            Some(fault) => format!("broken: {fault}"),
            None => format!("graded, {}", record["stop"].as_str().unwrap()),
        };
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

/// Plays the 12 trials with this shell script, within so many seconds each, and asserts that they all came out as told, and nothing is left.
fn assert_all(script: &str, seconds: u32, expected: &str) {
    let room = Room::new();
    room.seconds(seconds);
    room.write("agent.sh", script);
    let child = command(
        room.path(),
        Room::arguments("command:sh agent.sh", &["-j", "12"]),
    );
    let since = fs::metadata(room.path()).unwrap().modified().unwrap();
    let child = { child }.spawn().unwrap();
    let pid = child.id();
    let said = end(child);
    let told = outcomes(&room.records());
    assert_eq!(
        told,
        BTreeMap::from([(expected.to_owned(), 12)]),
        "{script}: {}",
        said.talk
    );
    assert_eq!(left_by(pid), Vec::<String>::new(), "{script}");
    assert_eq!(folders_of(pid, since), Vec::<PathBuf>::new(), "{script}");
}

#[test]
fn a_program_plays_a_suite_of_files_and_its_memory_is_told_apart() {
    let room = Room::new();
    let said = room.run("command:sh clerk.sh", &["--csv"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let evidence = fs::read_to_string(room.path().join("run/evidence.json")).unwrap();
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    let arms = evidence["arms"].as_array().unwrap().iter();
    let rates: Vec<(&str, f64, u64)> = arms
        .map(|it| {
            (
                it["arm"].as_str().unwrap(),
                it["rate"]["completed"].as_f64().unwrap(),
                it["rate"]["trials"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(rates, [("bare", 4.0, 6), ("stored", 6.0, 6)]);
    for record in room.records() {
        assert_eq!(record["usage"]["steps"], 1);
        assert_eq!(record["usage"]["cost_usd"], 0.01);
        assert!(record["usage"].get("tool_errors").is_none());
        assert!(record["usage"]["seconds"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn a_brief_tells_the_task_and_neither_its_name_nor_its_grader() {
    let room = Room::new();
    room.write("agent.sh", "cat > \"$(dirname \"$0\")/told-$$\"; echo '{}'");
    assert_eq!(room.run("command:sh agent.sh", &[]).code, Some(0));
    let told: Vec<PathBuf> = list(room.path())
        .unwrap()
        .into_iter()
        .filter(|it| it.to_str().unwrap().starts_with("told-"))
        .collect();
    assert_eq!(told.len(), 12);
    let mut with_memory = 0;
    for path in told {
        let text = fs::read_to_string(room.path().join(path)).unwrap();
        let input: Value = serde_json::from_str(&text).unwrap();
        let keys =
            |it: &Value| -> Vec<String> { it.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(
            keys(&input),
            ["brief", "format", "memory", "seed", "workspace"]
        );
        assert_eq!(keys(&input["brief"]), ["limits", "prompt", "role", "setup"]);
        assert_eq!(keys(&input["memory"]), ["folder", "learnings"]);
        let learnings = input["memory"]["learnings"].as_array().unwrap().len();
        with_memory += usize::from(learnings == 2);
        let bare = text
            .replace("Copy letter", "")
            .replace("The stamp of a form is Q7", "");
        for word in [
            "copy-l", "count-l", "stamp-", "grade", "Q7", "exact", "bare", "stored",
        ] {
            assert!(!bare.contains(word), "{word} in {text}");
        }
    }
    assert_eq!(with_memory, 6);
}

#[test]
fn a_program_that_crashes_or_says_nothing_sensible_breaks_its_trials_with_the_reason() {
    for (script, expected) in [
        (
            "echo boom >&2; exit 3",
            "`sh` ended with code 3; its last words: boom",
        ),
        ("kill -SEGV $$", "`sh` was ended by a signal"),
        (
            "echo hello",
            "`sh` wrote an answer that is not JSON (expected value at line 1, column 1)",
        ),
        (
            "printf '{\"answer\":\"a'",
            "`sh` wrote an answer that is not JSON (EOF while parsing a string at line 1, column 12)",
        ),
        (
            "printf '{\"answer\":\"\\377\"}'",
            "`sh` wrote an answer that is not UTF-8: byte 11 fits no character",
        ),
        (
            "echo only >&2",
            "`sh` wrote no answer on its standard output; its last words: only",
        ),
        (
            "echo '{\"answer\":3}'",
            "`sh` gave a `answer` that is not what it should be (invalid type: integer `3`, expected a string)",
        ),
        (
            "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "`sh` wrote more than 16777216 bytes",
        ),
    ] {
        assert_all(script, 60, &format!("broken: {expected}"));
    }
}

#[test]
fn a_program_that_misbehaves_otherwise_is_graded_and_leaves_nothing_behind() {
    for (script, expected) in [
        ("sleep 63", "graded, seconds"),
        (
            "trap '' TERM INT HUP; while :; do sleep 1; done",
            "graded, seconds",
        ),
        (
            "setsid sleep 64 & sleep 65 & (setsid sh -c 'sleep 66 & sleep 66' &) ; echo '{}'",
            "graded, finished",
        ),
        ("exec 0<&-; echo '{}'", "graded, finished"),
        (
            "mkdir -p d/e; touch d/e/f; mkfifo copy.txt; ln -s / link; head -c 3000000 /dev/zero > big; echo '{\"new\":1}'",
            "graded, finished",
        ),
        (
            "yes error | head -c 3000000 >&2; echo '{\"stop\":\"gave-up\"}'",
            "graded, gave-up",
        ),
    ] {
        let seconds = if expected == "graded, seconds" { 1 } else { 60 };
        assert_all(script, seconds, expected);
    }
}

/// A value that stands in no file of this repository.
fn secret() -> String {
    format!("sk-{}-{}", "not-a-key", 7 * 11 * 13 * 17)
}

/// Whether a text holds the value, by its middle, however JSON has written it.
fn tells_secret(text: &str) -> bool {
    let plain = text.replace('\\', "");
    let middle = "not-a-key";
    let by_number: String = middle
        .chars()
        .map(|it| format!("u{:04x}", u32::from(it)))
        .collect();
    plain.contains(middle) || plain.contains(&by_number)
}

/// Asserts that no file of the run holds the value, nor any transcript of its pack.
fn assert_kept_secret(room: &Room, said: &Said) {
    let run = &room.path().join("run");
    assert!(!tells_secret(&said.talk) && !tells_secret(&said.answer));
    for path in list(run).unwrap() {
        let bytes = fs::read(run.join(&path)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!tells_secret(&text), "{}", path.display());
    }
    let library = library_of(run).unwrap();
    for record in room.records() {
        if let Some(digest) = record["transcript"].as_str().and_then(Digest::from_hex) {
            assert!(!tells_secret(&library.get(&digest).unwrap()));
        }
    }
}

/// Says its key, or what it can read of the harness's own, plainly, in JSON, and in JSON within JSON.
const TELLTALE: &str = r#"import json, os, sys
sys.stdin.read()
key = os.environ.get("SOME_KEY", "")
try:
    for line in open(f"/proc/{os.getppid()}/environ").read().split("\0"):
        if line.startswith("OPENAI_API_KEY="):
            key = line.split("=", 1)[1]
except OSError as fault:
    sys.stderr.write(f"{fault}\n")
deep = key
for _ in range(3):
    deep = json.dumps({"of": deep, "by": "".join(f"\\u{ord(it):04x}" for it in key)})
sys.stderr.write(key + deep)
json.dump({"answer": key, "events": [{"type": "agent.message", "content": [{"type": "text", "text": deep}]}]}, sys.stdout)
"#;

#[test]
fn a_key_a_program_was_passed_or_found_is_kept_in_no_form_it_writes_it_in() {
    let awkward = format!("{}\"\\/\u{e9}\n", secret());
    for (variable, key, more) in [
        (
            "SOME_KEY",
            awkward.as_str(),
            &["--pass-env", "SOME_KEY"][..],
        ),
        ("OPENAI_API_KEY", &secret(), &[]),
    ] {
        let room = Room::new();
        room.write("agent.py", TELLTALE);
        let words = Room::arguments("command:python3 agent.py", more);
        let said = end(command(room.path(), words)
            .env(variable, key)
            .spawn()
            .unwrap());
        let told = outcomes(&room.records());
        assert_eq!(
            told,
            BTreeMap::from([("graded, finished".to_owned(), 12)]),
            "{}",
            said.talk
        );
        assert_kept_secret(&room, &said);
    }
}

#[test]
fn a_key_reaches_a_program_only_by_name_and_no_file_in_any_case() {
    let script = "echo \"key <$SOME_KEY>\" >&2; [ -z \"$SOME_KEY\" ] && exit 4
        cat > /dev/null; printf '{\"answer\":\"%s\"}' \"$SOME_KEY\"";
    for (more, expected) in [
        (
            &[][..],
            "broken: `sh` ended with code 4; its last words: key <>",
        ),
        (&["--pass-env", "SOME_KEY"], "graded, finished"),
    ] {
        let room = Room::new();
        room.write("agent.sh", script);
        let mut run = command(room.path(), Room::arguments("command:sh agent.sh", more));
        let said = end(run.env("SOME_KEY", secret()).spawn().unwrap());
        let told = outcomes(&room.records());
        assert_eq!(
            told,
            BTreeMap::from([(expected.to_owned(), 12)]),
            "{}",
            said.talk
        );
        assert_kept_secret(&room, &said);
        let replayed = say(room.path(), ["replay", "run", "0"]);
        assert_eq!(
            replayed.answer.contains("[SOME_KEY]"),
            !more.is_empty(),
            "{}",
            replayed.talk
        );
    }
}

#[test]
fn a_run_of_which_every_trial_breaks_says_why_ends_with_5_and_passes_no_gate() {
    let room = Room::new();
    room.write("agent.sh", "echo no key here >&2; exit 4");
    let words =
        "run suite --agent command:sh\u{a0}agent.sh --memory suite/memory --pairs 0 --out run -q";
    let run = |more: &str| {
        let words = format!("{words} {more}");
        let words = words.split(' ').map(|it| it.replace('\u{a0}', " "));
        say(room.path(), words)
    };
    let said = run("--arms stored,dreamed --repeats 1");
    let reason = "`sh` ended with code 4; its last words: no key here";
    assert_eq!(said.code, Some(5), "{}", said.talk);
    assert!(
        said.answer
            .contains("12 trials broke and are not counted:\n    12 × ")
            && said.answer.contains(reason),
        "{}",
        said.answer
    );
    assert!(
        said.talk
            .contains("every trial broke, so nothing was measured"),
        "{}",
        said.talk
    );
    let report = fs::read_to_string(room.path().join("run/report.md")).unwrap();
    assert!(
        report.contains("Why trials broke") && report.contains("no key here"),
        "{report}"
    );
    let gate = say(room.path(), ["gate", "run"]);
    assert_eq!(gate.code, Some(3), "{}", gate.answer);
    assert!(
        gate.answer
            .starts_with("gate: inconclusive: every trial broke, so nothing was measured"),
        "{}",
        gate.answer
    );
    fs::remove_dir_all(room.path().join("run")).unwrap();
    let long = run("--arms stored,dreamed --repeats 9 -j 1");
    assert_eq!(long.code, Some(5), "{}", long.talk);
    assert!(
        long.talk
            .contains("stopped: 16 trials in a row broke, the last one as ")
            && long.talk.contains(reason),
        "{}",
        long.talk
    );
}

#[test]
fn what_broke_in_a_row_is_played_again_once_that_is_mended() {
    let room = Room::new();
    room.write(
        "agent.sh",
        "here=$(dirname \"$0\"); [ -e \"$here/down\" ] && { echo quota >&2; exit 4; }; exec sh \"$here/clerk.sh\"",
    );
    let run = |words: &[&str]| {
        let agent = "command:sh agent.sh";
        let first = [
            "run",
            "suite",
            "--agent",
            agent,
            "--dreamer",
            "command:sh dreamer.sh",
            "--out",
            "run",
        ];
        let more = [
            "--repeats",
            "9",
            "--pairs",
            "0",
            "--arms",
            "bare,dreamed",
            "-j",
            "2",
            "-q",
        ];
        match words {
            [] => say(room.path(), first.iter().chain(&more)),
            words => say(room.path(), words),
        }
    };
    room.write("down", "");
    let stopped = run(&[]);
    assert_eq!(stopped.code, Some(5), "{}", stopped.talk);
    assert!(stopped.talk.contains("quota"), "{}", stopped.talk);
    assert!(
        stopped.talk.contains("next: dreameval run --resume run\n"),
        "{}",
        stopped.talk
    );
    assert_eq!(room.records().len(), 0, "no trial is to blame");
    fs::remove_file(room.path().join("down")).unwrap();
    let whole = run(&["run", "--resume", "run"]);
    assert_eq!(whole.code, Some(0), "{}", whole.talk);
    assert!(!whole.answer.contains("broke"), "{}", whole.answer);
}

#[test]
fn a_key_in_the_name_of_a_file_a_dreamer_wrote_is_found() {
    let room = Room::new();
    room.write(
        "teller.sh",
        "input=$(cat); out=$(printf %s \"$input\" | sed 's/.*\"out\":\"\\([^\"]*\\)\".*/\\1/')
        echo '- a note' > \"$out/$SOME_KEY.md\"; echo '{}'",
    );
    let words = "run suite --agent command:sh\u{a0}clerk.sh --dreamer command:sh\u{a0}teller.sh --pass-env SOME_KEY \
                 --repeats 1 --pairs 0 --arms bare,dreamed --out run -q";
    let words = words.split(' ').map(|it| it.replace('\u{a0}', " "));
    let mut run = command(room.path(), words);
    let said = end(run.env("SOME_KEY", secret()).spawn().unwrap());
    assert_eq!(said.code, Some(5), "{}", said.talk);
    assert!(said.talk.contains("`/[SOME_KEY].md`"), "{}", said.talk);
    assert_kept_secret(&room, &said);
}

/// Arguments that are refused, and how the refusal begins; `WORLD` stands for a suite with a world.
const REFUSED: [(&[&str], &str); 14] = [
    (
        &["run", "WORLD", "--agent", "command:sh clerk.sh"],
        "error: this agent and this suite do not fit: a program cannot play the desk of a world",
    ),
    (
        &["run", "suite", "--agent", "comand:sh clerk.sh"],
        "error: there is no agent `comand:sh clerk.sh`\n\nhint: agents: embedded, forager, anthropic:MODEL, openai:MODEL, hosted:MODEL, command:PROGRAM",
    ),
    (
        &["run", "suite", "--agent", "embeded"],
        "error: there is no agent `embeded`\n\nhint: did you mean `embedded`?",
    ),
    (
        &["run", "suite", "--agent", "command:"],
        "error: `command:` names no program\n",
    ),
    (
        &["run", "suite", "--agent", "command:no-such-program x"],
        "error: there is no program `no-such-program`\n\nhint: is it installed and on the PATH?",
    ),
    (
        &["run", "suite", "--agent", "command:./suite/suite.toml"],
        "error: `./suite/suite.toml` is no program\n\nhint: make it executable",
    ),
    (
        &["run", "WORLD", "--dreamer", "command:./gone.sh"],
        "error: there is no program `./gone.sh`\n",
    ),
    (
        &[
            "run",
            "suite",
            "--agent",
            "command:python3 -u gone.py --fast",
        ],
        "error: there is no file `gone.py` for `python3` to run\n",
    ),
    (
        &["run", "suite"],
        "error: this agent and this suite do not fit: the embedded agents play worlds only",
    ),
    (
        &["run", "suite", "--agent", "command:a 'b"],
        "error: a quote (') is not closed in `a 'b`\n",
    ),
    (
        &["run", "WORLD", "--dreamer", "nul"],
        "error: there is no dreamer `nul`\n\nhint: did you mean `null`?",
    ),
    (
        &[
            "run",
            "suite",
            "--agent",
            "command:sh clerk.sh",
            "--pass-env",
            "NOT_SET_HERE",
        ],
        "error: the environment variable `NOT_SET_HERE` is not set, so it cannot be passed on\n",
    ),
    (
        &[
            "run",
            "suite",
            "--agent",
            "command:sh clerk.sh",
            "--pass-env",
            "A=b",
        ],
        "error: `--pass-env` takes the name of an environment variable\n",
    ),
    (
        &["cycle", "suite", "--store", "store", "--agent", "embedded2"],
        "error: there is no agent `embedded2`\n",
    ),
];

#[test]
fn what_cannot_be_played_is_refused_before_anything_is() {
    let room = Room::new();
    let world = post_room();
    for (arguments, what) in REFUSED {
        let arguments = arguments.iter().map(|it| match *it {
            "WORLD" => world.to_str().unwrap(),
            other => other,
        });
        let said = say(room.path(), arguments);
        assert_eq!((said.code, said.answer.as_str()), (Some(2), ""), "{what}");
        assert!(said.talk.starts_with(what), "{}", said.talk);
    }
    assert!(!room.path().join("reports").exists());
}

/// Waits until `is_so`, for at most ten seconds.
fn wait_until(is_so: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !is_so() {
        if Duration::from_secs(10) < began.elapsed() {
            return false;
        }
        sleep(Duration::from_millis(5));
    }
    true
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_killed_and_resumed_plays_no_finished_trial_again() {
    let room = Room::new();
    room.write("attempts", "");
    let slow = fs::read_to_string(room.path().join("clerk.sh")).unwrap();
    room.write("clerk.sh", &format!("sleep 0.05\n{slow}"));
    let arguments = Room::arguments("command:sh clerk.sh", &["--repeats=5", "-j", "2"]);
    let arguments: Vec<String> = arguments
        .into_iter()
        .filter(|it| it != "1" && it != "--repeats")
        .collect();
    let child = command(room.path(), arguments).spawn().unwrap();
    let pid = child.id();
    assert!(wait_until(|| 10 < room.lines("run/journal.jsonl")));
    kill(child);
    assert!(wait_until(|| left_by(pid).is_empty()));
    let (finished, attempts) = (room.records().len(), room.lines("attempts"));
    assert!((10..60).contains(&finished), "{finished}");
    let said = say(room.path(), ["run", "--resume", "run", "-q"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert_eq!(room.lines("attempts") - attempts, 60 - finished);
    let mut trials: Vec<u64> = room
        .records()
        .iter()
        .map(|it| it["trial"].as_u64().unwrap())
        .collect();
    trials.sort_unstable();
    assert_eq!(trials, (0..60).collect::<Vec<_>>());
}

#[test]
fn programs_end_when_the_harness_is_killed() {
    let room = Room::new();
    room.write("agent.sh", "sleep 67 & sleep 67");
    let since = fs::metadata(room.path()).unwrap().modified().unwrap();
    let child = command(
        room.path(),
        Room::arguments("command:sh agent.sh", &["-j", "3"]),
    )
    .spawn()
    .unwrap();
    let pid = child.id();
    assert!(wait_until(|| 9 <= left_by(pid).len()));
    kill(child);
    assert!(wait_until(|| left_by(pid).is_empty()), "{:?}", left_by(pid));
    for folder in folders_of(pid, since) {
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_dream_that_costs_is_dreamt_once_and_a_changed_program_is_another() {
    let room = Room::new();
    room.write("attempts", "");
    let (agent, dreamer) = ("command:sh clerk.sh", "command:sh dreamer.sh");
    let arguments = [
        "run",
        "suite",
        "--agent",
        agent,
        "--dreamer",
        dreamer,
        "--repeats",
        "1",
        "--pairs",
        "4",
        "--out",
        "run",
    ];
    let said = say(room.path(), arguments);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let attempts = room.lines("attempts");
    let log = fs::read_to_string(room.path().join("run/dream.json")).unwrap();
    let log: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(log["usage"]["cost_usd"], 0.25);
    for arguments in [
        vec!["report", "run"],
        vec!["replay", "run", "3"],
        vec!["run", "--resume", "run"],
    ] {
        let said = say(room.path(), &arguments);
        assert_eq!(said.code, Some(0), "{arguments:?} {}", said.talk);
    }
    assert_eq!(
        (room.lines("attempts"), room.lines("dreams")),
        (attempts, 1)
    );
    let program = fs::read_to_string(room.path().join("clerk.sh")).unwrap();
    room.write("clerk.sh", &format!("{program}\n# changed\n"));
    let said = say(room.path(), ["run", "--resume", "run"]);
    assert_eq!(said.code, Some(6));
    assert!(
        said.talk
            .starts_with("error: this run was made from something else: `agent` differs"),
        "{}",
        said.talk
    );
}

#[test]
fn a_dreamer_that_failed_is_asked_again_and_nothing_practised_is_lost() {
    let room = Room::new();
    room.write("attempts", "");
    let program = fs::read_to_string(room.path().join("dreamer.sh")).unwrap();
    let fails = "[ -e \"$(dirname \"$0\")/may\" ] || { echo 'not yet' >&2; exit 3; }\n";
    room.write("dreamer.sh", &format!("{fails}{program}"));
    let arguments = [
        "run",
        "suite",
        "--agent",
        "command:sh clerk.sh",
        "--dreamer",
        "command:sh dreamer.sh",
        "--repeats",
        "1",
        "--pairs",
        "0",
        "--out",
        "run",
        "-q",
    ];
    let said = say(room.path(), arguments);
    assert_eq!(said.code, Some(5));
    assert!(
        said.talk.starts_with(
            "error: the dreamer `sh` ended with code 3\n  because: its last words: not yet\n"
        ),
        "{}",
        said.talk
    );
    let practised = room.lines("attempts");
    assert_eq!(say(room.path(), ["report", "run"]).code, Some(5));
    room.write("may", "");
    let said = say(room.path(), ["run", "--resume", "run", "-q"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert_eq!((practised, room.lines("attempts")), (4, 4 + 3 * 6));
}

#[test]
fn the_dream_command_takes_a_program_and_refuses_one_that_writes_to_its_input() {
    let room = Room::new();
    let played = [
        "run",
        "suite",
        "--agent",
        "command:sh clerk.sh",
        "--repeats",
        "1",
        "--pairs",
        "0",
        "--out",
        "run",
        "-q",
    ];
    assert_eq!(say(room.path(), played).code, Some(0));
    let dream = |dreamer: &str, out: &str| {
        let words = [
            "dream",
            "--sessions",
            "run",
            "--memory",
            "suite/memory",
            "--out",
            out,
            "--dreamer",
            dreamer,
        ];
        say(room.path(), words)
    };
    let said = dream("command:sh dreamer.sh", "new");
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert!(
        said.answer
            .starts_with("3 learnings from 4 sessions: 1 added, 2 kept, 0 merged"),
        "{}",
        said.answer
    );
    assert_eq!(
        list(&room.path().join("new")).unwrap(),
        [Path::new("copies.md"), Path::new("notes.md")]
    );
    room.write(
        "thief.sh",
        "folder=$(sed 's/.*\"memory\":\"\\([^\"]*\\)\".*/\\1/'); echo more >> \"$folder/notes.md\"; echo '{}'",
    );
    let said = dream("command:sh thief.sh", "stolen");
    assert_eq!(said.code, Some(6), "{}", said.talk);
    assert!(
        said.talk.contains("changed its input store"),
        "{}",
        said.talk
    );
    assert!(!room.path().join("stolen").exists());
}
