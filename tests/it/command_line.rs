//! The command line as promised: exit codes, which voice says what, and what is left untouched.

use std::fs;
use std::path::Path;

use dreameval::domain::id::Digest;
use dreameval::files::{TemporaryFolder, copy_tree, list};
use dreameval::formats::memory::read_store;
use dreameval::promotion::policy::Policy;

use crate::program::{Said, command, end, post_room, repository, say};

fn folder() -> TemporaryFolder {
    TemporaryFolder::create("command").unwrap()
}

/// A short run in `folder`, with more arguments.
fn run(folder: &Path, more: &[&str]) -> Said {
    let suite = post_room();
    let first = [
        "run",
        suite.to_str().unwrap(),
        "--repeats",
        "1",
        "--pairs",
        "20",
    ];
    say(folder, first.iter().chain(more))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_so_on_stderr() {
    let folder = folder();
    for arguments in [
        vec![],
        vec!["rnu"],
        vec!["run"],
        vec!["run", "x", "--repaets", "2"],
        vec!["run", "x", "--repeats", "0"],
        vec!["run", "--resume", "x", "--seed", "3"],
        vec!["compare", "t.csv", "--baseline", "a"],
        vec!["compare", "t.csv", "--baseline", "a", "--candidate", "a"],
    ] {
        let said = say(folder.path(), &arguments);
        assert_eq!(
            (said.code, said.answer.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!said.talk.is_empty());
    }
    assert_eq!(run(folder.path(), &["--arms", "bear"]).code, Some(2));
    assert!(is_empty(folder.path()));
}

#[test]
fn an_arm_is_named_once_and_in_one_word() {
    let folder = folder();
    let twice = run(folder.path(), &["--arms", "bare,bare"]);
    assert_eq!(twice.code, Some(2));
    assert!(
        twice
            .talk
            .starts_with("error: `--arms` names `bare` twice\n"),
        "{}",
        twice.talk
    );
    let path = run(folder.path(), &["--arms", "bare,../../up=."]);
    assert_eq!(path.code, Some(2));
    assert!(
        path.talk
            .starts_with("error: an arm of your own cannot be called `../../up`\n")
    );
    let taken = run(folder.path(), &["--arms", "bare,canary=."]);
    assert_eq!(taken.code, Some(2));
    assert!(is_empty(folder.path()));
}

#[test]
fn a_file_that_is_not_acceptable_ends_with_4() {
    let folder = folder();
    fs::write(folder.path().join("t.csv"), "task,arm\n").unwrap();
    for arguments in [
        vec!["check", "nowhere"],
        vec!["run", "."],
        vec!["report", "."],
        vec!["run", "--resume", "."],
        vec!["replay", ".", "0"],
        vec!["compare", "t.csv", "--baseline", "a", "--candidate", "b"],
        vec!["dream", "--sessions", ".", "--out", "store"],
    ] {
        let said = say(folder.path(), &arguments);
        assert_eq!(
            (said.code, said.answer.as_str()),
            (Some(4), ""),
            "{arguments:?} {}",
            said.talk
        );
        assert!(said.talk.starts_with("error: "), "{}", said.talk);
    }
}

#[test]
fn a_disk_that_cannot_be_written_ends_with_5() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    let said = run(folder.path(), &["--out", "file/run"]);
    assert_eq!(said.code, Some(5), "{}", said.talk);
    assert_eq!(
        said.talk,
        "error: this cannot be written\n  --> file/run\n  because: Not a directory (os error 20)\n\n\
         hint: a part of the path is a file; name another path\n"
    );
}

#[test]
fn a_run_is_never_written_over_another() {
    let folder = folder();
    assert_eq!(run(folder.path(), &["--out", "run"]).code, Some(0));
    let said = run(folder.path(), &["--out", "run"]);
    assert_eq!(said.code, Some(2));
    assert_eq!(
        said.talk,
        "error: this folder holds a run already\n  --> run\n\n\
         hint: go on with it by `--resume`, or choose another `--out`\n"
    );
    for number in 1..3 {
        assert_eq!(run(folder.path(), &["-q"]).code, Some(0));
        assert!(
            folder
                .path()
                .join(format!("reports/post-room-{number}/report.html"))
                .exists()
        );
    }
}

#[test]
fn an_answer_that_cannot_be_written_ends_with_5_and_a_reader_that_has_gone_away_is_no_fault() {
    let folder = folder();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let said = end(command(folder.path(), ["policy"])
        .stdout(full)
        .spawn()
        .unwrap());
    assert_eq!(said.code, Some(5));
    assert!(
        said.talk
            .starts_with("error: the answer could not be written"),
        "{}",
        said.talk
    );
    let mut child = command(folder.path(), ["policy"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(end(child).code, Some(0));
}

#[test]
fn arms_without_a_dream_are_compared_with_each_other() {
    let folder = folder();
    fs::create_dir(folder.path().join("own")).unwrap();
    fs::write(folder.path().join("own/notes.md"), "- Seal letters.\n").unwrap();
    let first = |arms: &str, out: &str| {
        let ran = run(folder.path(), &["--arms", arms, "--out", out, "-q"]);
        let first = ran.answer.lines().next().unwrap_or_default().to_owned();
        let report = fs::read_to_string(folder.path().join(out).join("report.md")).unwrap();
        (first, report)
    };
    let (said, report) = first("bare,stored", "run");
    assert!(
        said.contains("the store as it was help") && said.contains(", no memory "),
        "{said}"
    );
    assert!(
        report.contains("| the store as it was against no memory |"),
        "{report}"
    );
    let (said, report) = first("bare,stored,mine=own", "own-run");
    assert!(said.contains("“mine” helps: it completed "), "{said}");
    assert!(
        report.contains("| “mine” against the store as it was |"),
        "{report}"
    );
}

#[test]
fn memory_that_nobody_dreamed_is_not_said_to_be_a_dream() {
    let folder = folder();
    let run = |words: &str| {
        let words = format!("{words} --arms bare,dreamed -q");
        run(folder.path(), &words.split(' ').collect::<Vec<_>>())
    };
    let copied = run("--dreamer null --out copied");
    assert!(
        copied.answer.to_lowercase().contains("dreamed memory help")
            && copied
                .answer
                .contains("nobody can tell what the dream added"),
        "{}",
        copied.answer
    );
    let given = run("--memory copied/memory/dreamed --out given");
    assert!(
        given.answer.to_lowercase().contains("this memory help"),
        "{}",
        given.answer
    );
    for (out, told) in [
        ("copied", "the dream left the store as it was"),
        ("given", "nothing was dreamed in this run"),
    ] {
        let report = fs::read_to_string(folder.path().join(out).join("report.md")).unwrap();
        assert!(
            report.contains(told) && report.contains("Not compared with the store as it was"),
            "{report}"
        );
    }
}

#[test]
fn a_run_can_be_used_wherever_one_stands() {
    let folder = folder();
    copy_tree(&post_room(), &folder.path().join("suites/post-room")).unwrap();
    let words =
        "run suites/post-room --repeats 1 --pairs 0 --arms bare,dreamed --out reports/one -q";
    let ran = say(folder.path(), words.split(' '));
    assert_eq!(ran.code, Some(0), "{}", ran.talk);
    let before = fs::read(folder.path().join("reports/one/report.html")).unwrap();
    let below = folder.path().join("reports");
    let again = say(&below, ["report", "one"]);
    assert_eq!(again.code, Some(0), "{}", again.talk);
    let after = fs::read(folder.path().join("reports/one/report.html")).unwrap();
    assert!(before == after);

    copy_tree(
        &repository().join("tests/it/suites/copy-room"),
        &folder.path().join("suites/copy-room"),
    )
    .unwrap();
    let words = "run suites/copy-room --repeats 1 --pairs 0 --arms bare,stored --out reports/two -q --agent";
    let agent = "command:sh suites/copy-room/clerk.sh";
    let ran = say(folder.path(), words.split(' ').chain([agent]));
    assert_eq!(ran.code, Some(0), "{}", ran.talk);
    let again = say(&below, ["report", "two"]);
    assert_eq!(again.code, Some(0), "{}", again.talk);
}

#[test]
fn a_memory_with_placeholders_only_a_suite_fills_is_no_memory() {
    let folder = folder();
    let memory = repository()
        .join("scenarios/legal-desk/memory")
        .display()
        .to_string();
    let suite = post_room().display().to_string();
    let run = say(folder.path(), ["run", &suite, "--memory", &memory]);
    assert_eq!(run.code, Some(4), "{}", run.talk);
    assert!(
        run.talk
            .starts_with("error: this memory has placeholders that only a suite fills"),
        "{}",
        run.talk
    );
}

#[test]
fn doctor_knows_no_more_words_than_a_run() {
    let folder = folder();
    for (words, told) in [
        (
            "--agent embeded",
            "error: there is no agent `embeded`\n\nhint: did you mean `embedded`?",
        ),
        ("--dreamer nul", "error: there is no dreamer `nul`"),
        ("--judge embedded", "error: there is no judge `embedded`"),
        (
            "--agent command:no-such-program",
            "error: there is no program `no-such-program`",
        ),
    ] {
        let said = say(
            folder.path(),
            std::iter::once("doctor").chain(words.split(' ')),
        );
        assert_eq!(said.code, Some(2), "{words}");
        assert!(said.talk.starts_with(told), "{}", said.talk);
    }
}

#[test]
fn the_answer_is_on_stdout_and_the_talk_on_stderr() {
    let folder = folder();
    let said = run(folder.path(), &["--out", "run"]);
    assert!(
        said.answer.ends_with("report: run/report.html\n"),
        "{}",
        said.answer
    );
    assert!(
        said.talk.starts_with("practising: 16 trials\n"),
        "{}",
        said.talk
    );
    let quiet = run(folder.path(), &["--out", "quiet", "--quiet"]);
    assert_eq!(quiet.talk, "");
    assert_eq!(quiet.answer, said.answer.replace("run/", "quiet/"));
}

#[test]
fn json_is_the_evidence_and_nothing_else() {
    let folder = folder();
    let said = run(folder.path(), &["--out", "run", "--format", "json"]);
    let written = fs::read_to_string(folder.path().join("run/evidence.json")).unwrap();
    assert_eq!(said.answer.trim_end(), written.trim_end());
    let evidence: serde_json::Value = serde_json::from_str(&said.answer).unwrap();
    assert_eq!(evidence["format"], 1);
    let again = say(folder.path(), ["report", "run", "--format", "json"]);
    assert_eq!(again.answer, said.answer);
}

#[test]
fn there_is_no_colour_where_none_is_wanted_and_none_into_a_pipe() {
    let folder = folder();
    for colours in [None, Some("1")] {
        for arguments in [vec!["--help"], vec!["rnu"], vec!["check", "nowhere"]] {
            let mut command = command(folder.path(), &arguments);
            if let Some(word) = colours {
                command.env("NO_COLOR", word);
            }
            let said = end(command.spawn().unwrap());
            assert!(
                !format!("{}{}", said.answer, said.talk).contains('\u{1b}'),
                "{arguments:?}"
            );
        }
    }
}

#[test]
fn the_printed_policy_is_one() {
    let said = say(folder().path(), ["policy"]);
    assert_eq!(said.code, Some(0));
    let policy = Policy::parse(Path::new("policy.toml"), &said.answer).unwrap();
    assert_eq!(policy, Policy::default());
}

#[test]
fn a_plan_spends_nothing() {
    let folder = folder();
    let said = run(folder.path(), &["--plan"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert!(
        said.answer.contains("in all     136 trials"),
        "{}",
        said.answer
    );
    assert!(is_empty(folder.path()));
}

#[test]
fn every_shipped_suite_proves_its_ruler_in_other_worlds_too() {
    for suite in ["legal-desk", "finance-desk", "operations"] {
        for seed in ["1", "4242", "18446744073709551615"] {
            let path = format!("scenarios/{suite}");
            let said = say(&repository(), ["check", &path, "--world-seed", seed]);
            assert_eq!(
                said.code,
                Some(0),
                "{suite} {seed}: {}{}",
                said.answer,
                said.talk
            );
            assert!(said.answer.ends_with("ruler: proven\n"));
        }
    }
}

#[test]
fn a_world_in_which_a_role_has_no_tools_is_checked_without_a_panic() {
    let folder = folder();
    dreameval::files::copy_tree(&post_room(), folder.path()).unwrap();
    let suite = folder.path().join("suite.toml");
    let text = fs::read_to_string(&suite).unwrap();
    let tools = "tools = [\"open\", \"send\", \"convert\", \"unlock\"]";
    fs::write(&suite, text.replace(tools, "tools = []")).unwrap();
    let said = say(folder.path(), ["check", "."]);
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert!(said.answer.ends_with("ruler: broken\n"));
}

/// The digest of everything below a folder.
fn digest(folder: &Path) -> Digest {
    let read = |path| fs::read(folder.join(path)).unwrap();
    let parts: Vec<Vec<u8>> = list(folder).unwrap().into_iter().map(read).collect();
    Digest::of_parts(parts.iter().map(Vec::as_slice))
}

#[test]
fn a_dream_writes_a_store_and_leaves_what_it_read_as_it_was() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(run(path, &["--out", "run", "-q"]).code, Some(0));
    let (memory, sessions) = (path.join("run/memory/stored"), path.join("run"));
    let before = (digest(&memory), digest(&sessions));
    let asked = [
        "dream",
        "--sessions",
        "run",
        "--memory",
        "run/memory/stored",
        "--out",
    ];
    let said = say(path, asked.iter().chain(&["store"]));
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert_eq!((digest(&memory), digest(&sessions)), before);
    let (dreamt, dreamed) = (
        read_store(&path.join("store")),
        read_store(&path.join("run/memory/dreamed")),
    );
    assert_eq!(dreamt.unwrap(), dreamed.unwrap());

    let again = say(path, asked.iter().chain(&["store"]));
    assert_eq!(again.code, Some(4));
    assert!(again.talk.starts_with(
        "error: this folder is not empty, and nothing in it is overwritten\n  --> store\n"
    ));

    let inside = say(path, asked.iter().chain(&["run/memory/stored/new"]));
    assert_eq!(inside.code, Some(2));
    assert!(
        inside
            .talk
            .starts_with("error: `--out` lies inside `--memory`, which a dream never writes to\n")
    );
    assert_eq!((digest(&memory), digest(&sessions)), before);
}
