//! A run killed at any instant and resumed leaves the same bytes as one that was left alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::LazyLock;
use std::thread::yield_now;

use dreameval::files::{TemporaryFolder, copy_tree};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench_kit::is_full_battery;
use crate::program::{Said, command, differing, end, post_room, say};

/// What every run here plays: about three thousand trials in about a second.
const PLAYED: [&str; 4] = ["--repeats", "2", "--pairs", "1500"];

/// Kills spread over a run; `DREAMEVAL_BATTERY=full` asks for all fifty.
fn kills() -> usize {
    if is_full_battery() { 50 } else { 4 }
}

/// A run that was left alone, and the folder the others are made in.
struct Alone {
    folder: TemporaryFolder,
}

static ALONE: LazyLock<Alone> = LazyLock::new(|| {
    let folder = TemporaryFolder::create("alone").unwrap();
    let said = say(folder.path(), arguments(&post_room(), "alone", &[]));
    assert_eq!(said.code, Some(0), "{}", said.talk);
    Alone { folder }
});

impl Alone {
    fn run(&self) -> PathBuf {
        self.folder.path().join("alone")
    }

    fn journal(&self) -> Vec<u8> {
        fs::read(self.run().join("journal.jsonl")).unwrap()
    }

    /// Starts the same run in a folder beside.
    fn start(&self, name: &str) -> (Child, PathBuf) {
        let child = command(self.folder.path(), arguments(&post_room(), name, &[])).spawn();
        (child.unwrap(), self.folder.path().join(name))
    }

    /// Goes on with a run and asserts that nothing shows of what happened to it.
    fn assert_resumes(&self, run: &Path, why: &str) {
        let said = resume(run);
        assert_eq!(said.code, Some(0), "{why}: {}", said.talk);
        assert_eq!(differing(&self.run(), run), Vec::<PathBuf>::new(), "{why}");
    }
}

fn arguments(suite: &Path, out: &str, more: &[&str]) -> Vec<String> {
    let suite = suite.to_str().unwrap();
    let first = ["run", suite, "--out", out];
    first
        .iter()
        .chain(&PLAYED)
        .chain(more)
        .map(|it| (*it).to_owned())
        .collect()
}

fn resume(run: &Path) -> Said {
    say(
        run.parent().unwrap(),
        ["run", "--resume", run.to_str().unwrap()],
    )
}

/// How a journal stands after a kill.
fn journal_of(run: &Path) -> Vec<u8> {
    fs::read(run.join("journal.jsonl")).unwrap_or_default()
}

fn lines(journal: &[u8]) -> usize {
    journal.iter().filter(|byte| **byte == b'\n').count()
}

/// Kills as soon as `is_time`, or lets the run end before it comes.
fn kill_when(mut child: Child, is_time: impl Fn() -> bool) {
    while !is_time() && child.try_wait().unwrap().is_none() {
        yield_now();
    }
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_run_killed_at_any_instant_resumes_to_the_same_bytes() {
    let (kills, whole) = (kills(), ALONE.journal());
    let (mut inside, mut torn) = (0, 0);
    for number in 1..=kills {
        let (child, run) = ALONE.start(&format!("killed-{number}"));
        let reached = whole.len() * number / (kills + 2);
        let journal = run.join("journal.jsonl");
        kill_when(child, || {
            fs::metadata(&journal).is_ok_and(|it| reached as u64 <= it.len())
        });
        let left = journal_of(&run);
        inside += usize::from(1 < lines(&left) && lines(&left) < lines(&whole));
        // A kill rarely lands inside the system call that writes. So every other journal is cut as such a kill would
        // leave it, within the bytes of its last commit, and the pack of transcripts is given half a frame.
        if number % 2 == 0 && left.ends_with(b"\n") {
            let keep = left.len() - 1 - (number * 37) % 60;
            fs::write(&journal, &left[..keep]).unwrap();
            tear_the_pack(&run);
        }
        torn += usize::from(!journal_of(&run).ends_with(b"\n"));
        ALONE.assert_resumes(&run, &format!("kill {number}, {} lines", lines(&left)));
        fs::remove_dir_all(&run).unwrap();
    }
    assert!(
        kills * 4 / 5 <= inside,
        "{inside} of {kills} inside the run"
    );
    assert!(kills / 10 <= torn, "{torn} of {kills} torn");
}

fn tear_the_pack(run: &Path) {
    let pack = run.join("transcripts/pack");
    let mut bytes = fs::read(&pack).unwrap_or_default();
    bytes.extend_from_slice(format!("{} 500\nhalf a fr", "c".repeat(64)).as_bytes());
    fs::write(&pack, bytes).unwrap();
}

#[test]
fn a_run_killed_as_each_of_its_files_appears_resumes_to_the_same_bytes() {
    for (number, name) in [
        "run.json",
        "journal.jsonl",
        "trials.parquet",
        "dream.json",
        "evidence.json",
        "report.html",
    ]
    .into_iter()
    .enumerate()
    {
        let (child, run) = ALONE.start(&format!("appears-{number}"));
        kill_when(child, || run.join(name).exists());
        ALONE.assert_resumes(&run, name);
    }
}

#[test]
fn a_run_stopped_before_its_journal_or_between_its_stages_resumes_to_the_same_bytes() {
    let whole = String::from_utf8(ALONE.journal()).unwrap();
    let practised: Vec<&str> = whole
        .lines()
        .filter(|line| !line.contains("\"stage\":\"replay\""))
        .collect();
    for (name, journal) in [
        ("nothing", String::new()),
        ("header-torn", whole[..20].to_owned()),
        ("header", whole[..=whole.find('\n').unwrap()].to_owned()),
        ("practised", format!("{}\n", practised.join("\n"))),
    ] {
        // The folder as a kill at that instant leaves it: what was asked, the transcripts so far, the journal so far.
        let run = ALONE.folder.path().join(name);
        fs::create_dir_all(run.join("transcripts")).unwrap();
        fs::copy(ALONE.run().join("run.json"), run.join("run.json")).unwrap();
        if name == "practised" {
            let pack = "transcripts/pack";
            fs::copy(ALONE.run().join(pack), run.join(pack)).unwrap();
        }
        if name != "nothing" {
            fs::write(run.join("journal.jsonl"), journal).unwrap();
        }
        ALONE.assert_resumes(&run, name);
    }
}

#[test]
fn one_worker_and_eight_leave_the_same_bytes() {
    for jobs in ["1", "8"] {
        let name = format!("jobs-{jobs}");
        let said = say(
            ALONE.folder.path(),
            arguments(&post_room(), &name, &["-j", jobs]),
        );
        assert_eq!(said.code, Some(0), "{}", said.talk);
        let run = ALONE.folder.path().join(name);
        assert_eq!(differing(&ALONE.run(), &run), Vec::<PathBuf>::new());
    }
}

#[test]
fn an_interrupt_ends_a_run_with_130_and_resume_continues_it() {
    let (mut child, run) = ALONE.start("interrupted");
    let journal = run.join("journal.jsonl");
    while fs::metadata(&journal).map_or(0, |it| it.len()) < 1000 {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        yield_now();
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let said = end(child);
    assert_eq!(said.code, Some(130), "{}", said.talk);
    assert_eq!(said.answer, "");
    assert!(
        said.talk.ends_with(
            "every finished trial is in the journal\nnext: dreameval run --resume interrupted\n"
        ),
        "{}",
        said.talk
    );
    assert!(journal_of(&run).ends_with(b"\n"));
    ALONE.assert_resumes(&run, "interrupted");
}

#[test]
fn a_finished_run_resumed_plays_nothing() {
    let run = ALONE.folder.path().join("finished");
    copy_tree(&ALONE.run(), &run).unwrap();
    let said = resume(&run);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert!(
        said.talk
            .contains("3160 trials, 3160 of them in the journal already"),
        "{}",
        said.talk
    );
    assert_eq!(journal_of(&run), ALONE.journal());
    assert_eq!(differing(&ALONE.run(), &run), Vec::<PathBuf>::new());
}

/// A copy of the finished run whose files `change` may spoil, and what resuming it says.
fn resumed_after(name: &str, change: impl Fn(&Path)) -> Said {
    let run = ALONE.folder.path().join(name);
    copy_tree(&ALONE.run(), &run).unwrap();
    change(&run);
    resume(&run)
}

fn assert_refused(said: &Said, what: &str) {
    assert_eq!(said.code, Some(6), "{}", said.talk);
    assert_eq!(said.answer, "");
    assert!(said.talk.contains(what), "{}", said.talk);
}

#[test]
fn a_run_is_not_resumed_with_a_suite_that_changed() {
    let folder = TemporaryFolder::create("changed").unwrap();
    let suite = folder.path().join("suite");
    copy_tree(&post_room(), &suite).unwrap();
    let asked = [
        "run",
        "suite",
        "--out",
        "run",
        "--pairs",
        "0",
        "--repeats",
        "1",
        "-q",
    ];
    assert_eq!(say(folder.path(), asked).code, Some(0));
    for (file, part) in [
        ("world.toml", "setting"),
        ("letters.csv", "rows letters.csv"),
        ("memory/notes.md", "memory"),
        ("suite.toml", "suite"),
    ] {
        let whole = fs::read_to_string(suite.join(file)).unwrap();
        let changed = whole.replace("busy_per_thousand = 20", "busy_per_thousand = 21");
        fs::write(
            suite.join(file),
            format!("{changed}\n").replace("late-2", "last-2"),
        )
        .unwrap();
        let said = resume(&folder.path().join("run"));
        assert_refused(&said, &format!("something else: `{part}` differs (had "));
        fs::write(suite.join(file), whole).unwrap();
    }
    assert_eq!(resume(&folder.path().join("run")).code, Some(0));
}

#[test]
fn a_journal_of_another_run_is_refused() {
    let folder = ALONE.folder.path();
    let more = ["--seed", "2", "-q", "--pairs", "0", "--repeats", "1"];
    let first = ["run", post_room().to_str().unwrap(), "--out", "seed-2"].map(str::to_owned);
    let asked = first.into_iter().chain(more.map(str::to_owned));
    assert_eq!(say(folder, asked).code, Some(0));
    let said = resumed_after("another", |run| {
        fs::copy(
            folder.join("seed-2/journal.jsonl"),
            run.join("journal.jsonl"),
        )
        .unwrap();
    });
    assert_refused(&said, "error: this journal belongs to another run (it has ");
}

#[test]
fn a_damaged_line_inside_a_journal_is_refused_by_its_number() {
    let said = resumed_after("damaged", |run| {
        let journal = String::from_utf8(journal_of(run)).unwrap();
        let spoilt = journal
            .lines()
            .enumerate()
            .map(|(index, line)| match index {
                40 => line[..30].to_owned(),
                _ => line.to_owned(),
            });
        let spoilt: Vec<String> = spoilt.collect();
        fs::write(run.join("journal.jsonl"), spoilt.join("\n") + "\n").unwrap();
    });
    assert_refused(&said, "error: this journal is damaged\n  --> ");
    assert!(said.talk.contains("journal.jsonl:41:1\n"), "{}", said.talk);
}

#[test]
fn a_record_changed_after_the_run_had_ended_is_found_by_whoever_reads_it() {
    let folder = TemporaryFolder::create("changed").unwrap();
    let run = folder.path().join("run");
    copy_tree(&ALONE.run(), &run).unwrap();
    let journal = String::from_utf8(journal_of(&run)).unwrap();
    let changed = journal.replacen("\"completed\":false", "\"completed\":true", 1);
    assert_ne!(journal, changed);
    fs::write(run.join("journal.jsonl"), changed).unwrap();
    for arguments in [
        vec!["report", "run"],
        vec!["gate", "run"],
        vec!["run", "--resume", "run", "-q"],
    ] {
        let said = say(folder.path(), arguments);
        assert_eq!(said.code, Some(6), "{}", said.talk);
        assert!(
            said.talk
                .starts_with("error: this journal is not the one the run ended with"),
            "{}",
            said.talk
        );
    }
}

#[test]
fn a_trial_that_nobody_planned_is_refused() {
    let said = resumed_after("unplanned", |run| {
        let mut journal = String::from_utf8(journal_of(run)).unwrap();
        journal += "{\"stage\":\"replay\",\"trial\":99999,\"outcome\":{\"broken\":\"x\"},\"stop\":null,\"usage\":null}\n";
        fs::write(run.join("journal.jsonl"), journal).unwrap();
    });
    assert_refused(
        &said,
        "error: this journal holds trial 99999 of stage replay, which this run does not plan",
    );
}

#[test]
fn a_store_that_is_not_what_was_evaluated_is_refused() {
    let said = resumed_after("edited", |run| {
        fs::write(run.join("memory/stored/notes.md"), "- edited\n").unwrap();
    });
    assert_refused(&said, "error: this store is not what was evaluated\n  --> ");
}
