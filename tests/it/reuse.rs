//! A run that takes trials from an earlier one plays only what a change can touch, and ends in the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dreameval::domain::memory::Store;
use dreameval::files::{TemporaryFolder, copy_tree};
use dreameval::formats::memory::{read_store, write_store};
use dreameval::study::plan::{Amount, Roster, replay};
use serde_json::Value;

use crate::bench_kit::{GATE, Lab, store_of, suite, tell};
use crate::program::{Said, differing, post_room, repository, say};

/// Files that may tell of the reuse, and no others.
const TELLING: [&str; 4] = ["journal.jsonl", "report.html", "report.md", "run.json"];

fn folder() -> TemporaryFolder {
    TemporaryFolder::create("reuse").unwrap()
}

/// A run of `suite` in `folder`, left in `out`.
fn run(folder: &Path, suite: &Path, out: &str, more: &[&str]) -> Said {
    let suite = suite.to_str().unwrap();
    let first = ["run", suite, "--quiet", "--out", out, "--repeats", "2"];
    say(folder, first.iter().chain(more))
}

fn assert_done(said: &Said) {
    assert_eq!(said.code, Some(0), "{}", said.talk);
}

/// The replay trials of a run by number, and whether each was taken from an earlier one.
fn replayed(run: &Path) -> Vec<(u64, bool)> {
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let mut trials: Vec<(u64, bool)> = journal
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|it| it["stage"] == "replay")
        .map(|it| (it["trial"].as_u64().unwrap(), it["reused"] == true))
        .collect();
    trials.sort_unstable();
    trials
}

/// The numbers of the replay trials that were played.
fn played(run: &Path) -> BTreeSet<u64> {
    let fresh = replayed(run).into_iter().filter(|(_, reused)| !reused);
    fresh.map(|(trial, _)| trial).collect()
}

fn telling() -> Vec<PathBuf> {
    TELLING.map(PathBuf::from).to_vec()
}

#[test]
fn a_run_reused_whole_replays_nothing_and_says_so() {
    let folder = folder();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let more = ["--pairs", "50"];
    assert_done(&run(folder.path(), &post_room(), "one", &more));
    let more = ["--pairs", "50", "--reuse", "one"];
    let said = run(folder.path(), &post_room(), "two", &more);
    assert_done(&said);
    let all = replayed(&two).len();
    assert_eq!(played(&two), BTreeSet::new());
    let told = format!("reused {all} of {all} trials from one");
    assert!(
        said.answer.contains(&format!("  {told}\n")),
        "{}",
        said.answer
    );
    let report = fs::read_to_string(two.join("report.md")).unwrap();
    assert!(report.contains(&told.replace("reused", "- Reused")));
    assert_eq!(differing(&one, &two), telling());
}

#[test]
fn a_reusing_run_cut_short_resumes_to_the_same_bytes() {
    let folder = folder();
    let run_in = |out: &str, more: &[&str]| {
        assert_done(&run(folder.path(), &post_room(), out, more));
        folder.path().join(out)
    };
    run_in("one", &["--pairs", "30"]);
    let whole = run_in("whole", &["--pairs", "60", "--reuse", "one"]);
    let cut = folder.path().join("cut");
    copy_tree(&whole, &cut).unwrap();
    let journal = fs::read_to_string(cut.join("journal.jsonl")).unwrap();
    let kept: String = journal.split_inclusive('\n').take(30).collect();
    fs::write(cut.join("journal.jsonl"), kept).unwrap();
    assert_done(&say(folder.path(), ["run", "--resume", "cut", "-q"]));
    assert_eq!(differing(&whole, &cut), Vec::<PathBuf>::new());
    assert!(!played(&cut).is_empty() && played(&cut).len() < replayed(&cut).len());
}

/// A store for the legal desk, whose third playbook is about `remedy`.
fn store(remedy: &str) -> Store {
    let line = format!("When format is docx, do {remedy} before open.");
    store_of([
        "When format is wpd, do flatten before open.",
        "When length is huge, do split before export.",
        &line,
        "When privilege is sealed, do stamp before send.",
    ])
}

#[test]
fn a_changed_playbook_replays_only_the_trials_that_are_given_it() {
    let folder = folder();
    let legal = repository().join("scenarios/legal-desk");
    let run_of = |out: &str, memory: &str, more: &[&str]| {
        let first = [
            "--arms",
            "bare,dreamed",
            "--pairs",
            "200",
            "--memory",
            memory,
        ];
        let more: Vec<&str> = first.iter().chain(more).copied().collect();
        assert_done(&run(folder.path(), &legal, out, &more));
        folder.path().join(out)
    };
    write_store(&store("convert"), &folder.path().join("was")).unwrap();
    write_store(&store("repair"), &folder.path().join("is")).unwrap();
    run_of("one", "was", &[]);
    let reusing = run_of("two", "is", &["--reuse", "one"]);
    let fresh = run_of("fresh", "is", &[]);
    assert_eq!(differing(&fresh, &reusing), telling());

    let mut lab = Lab::new(suite("legal-desk", None), 1);
    let (_, bare) = (
        lab.arm("stored", &Store::default()),
        lab.arm("bare", &Store::default()),
    );
    let dreamed = lab.arm("dreamed", &read_store(&folder.path().join("is")).unwrap());
    let roster = Roster {
        replayed: vec![bare, dreamed],
        swept: vec![bare, dreamed],
        attributed: Some(dreamed),
    };
    let amount = Amount {
        repeats: 2,
        pairs: 200,
        sweeps: true,
        ..GATE
    };
    let trials = replay(lab.suite(), &lab.bench.arms, &roster, &amount, 1);
    let arm = &lab.bench.arms[usize::from(dreamed)];
    let touched: BTreeSet<u64> = trials
        .iter()
        .filter(|it| it.arm == dreamed && lab.bench.given_indices(it, arm).contains(&2))
        .map(|it| u64::from(it.number))
        .collect();
    tell(&format!(
        "{} of {} trials are given the changed playbook",
        touched.len(),
        trials.len()
    ));
    assert!(!touched.is_empty() && touched.len() * 2 < trials.len());
    assert_eq!(played(&reusing), touched);
}

#[test]
fn another_seed_agent_or_world_reuses_nothing() {
    let folder = folder();
    let suite = folder.path().join("suite");
    copy_tree(&post_room(), &suite).unwrap();
    assert_done(&run(folder.path(), &suite, "one", &["--pairs", "10"]));
    let nothing_reused = |out: &str, more: &[&str]| {
        let first = ["--pairs", "10", "--reuse", "one"];
        let more: Vec<&str> = first.iter().chain(more).copied().collect();
        let said = run(folder.path(), &suite, out, &more);
        assert_done(&said);
        assert!(said.answer.contains("  reused 0 of "), "{}", said.answer);
    };
    nothing_reused("seed", &["--seed", "2"]);
    nothing_reused("agent", &["--agent", "forager"]);
    let world = fs::read_to_string(suite.join("world.toml")).unwrap();
    let busier = world.replace("busy_per_thousand = 20", "busy_per_thousand = 21");
    fs::write(suite.join("world.toml"), busier).unwrap();
    nothing_reused("world", &[]);
}

#[test]
fn an_earlier_run_that_is_damaged_or_none_is_named() {
    let folder = folder();
    assert_done(&run(folder.path(), &post_room(), "one", &["--pairs", "10"]));
    let journal = folder.path().join("one/journal.jsonl");
    let lines = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, lines.replacen("\"graded\"", "\"grad\"", 1)).unwrap();
    let refused = |earlier: &str| {
        let said = run(folder.path(), &post_room(), "two", &["--reuse", earlier]);
        assert!(!folder.path().join("two").exists());
        (said.code, said.talk)
    };
    let (code, talk) = refused("one");
    assert_eq!(code, Some(6));
    assert!(
        talk.starts_with("error: this journal is damaged\n  --> one/journal.jsonl:2:1\n"),
        "{talk}"
    );
    fs::remove_file(&journal).unwrap();
    let (code, talk) = refused("one");
    assert_eq!(
        (code, talk.lines().next()),
        (Some(4), Some("error: this run has no journal to reuse"))
    );
    let (code, talk) = refused("nowhere");
    assert_eq!(
        (code, talk.lines().next()),
        (Some(4), Some("error: this folder holds no run"))
    );
}

#[test]
fn a_trial_whose_transcript_is_lost_is_played_again() {
    let folder = folder();
    let more = ["--pairs", "50"];
    assert_done(&run(folder.path(), &post_room(), "one", &more));
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let kept = folder.path().join("kept");
    copy_tree(&one, &kept).unwrap();
    fs::remove_file(one.join("transcripts/pack")).unwrap();
    let more = ["--pairs", "50", "--reuse", "one"];
    assert_done(&run(folder.path(), &post_room(), "two", &more));
    let halves = 100;
    assert_eq!(replayed(&two).len() - played(&two).len(), halves);
    assert_eq!(differing(&kept, &two), telling());
}
