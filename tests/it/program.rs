//! The program itself, run as its users run it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dreameval::files;
use serde_json::Value;

/// How a call ended and what it said.
#[derive(Debug)]
pub struct Said {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub answer: String,
    /// Standard error.
    pub talk: String,
}

/// The program with `arguments`, in `folder`, without a terminal.
pub fn command<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dreameval"));
    command.args(arguments).current_dir(folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub fn say<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Said {
    end(command(folder, arguments).spawn().unwrap())
}

/// Waits for its end.
pub fn end(child: Child) -> Said {
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        answer: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A suite small enough to be played many times over.
pub fn post_room() -> PathBuf {
    repository().join("tests/it/suites/post-room")
}

/// Keeps a cassette where `tests/wire/check.py` holds its requests against the providers' own types.
pub fn keep_for_types(tape: &Path, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(tape, folder.join(format!("{name}.jsonl"))).unwrap();
}

/// Where this repository lies.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// What must be the same in two runs: every file with its bytes, except that the journal's lines are put in order and
/// the times of `run.json` are left out.
pub fn contents(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| {
        let bytes = fs::read(run.join(&path)).unwrap();
        let bytes = match path.to_str().unwrap() {
            "journal.jsonl" => in_order(&bytes),
            "run.json" => without_times(&bytes),
            _ => bytes,
        };
        (path, bytes)
    };
    files::list(run).unwrap().into_iter().map(read).collect()
}

fn in_order(journal: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = journal.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines.join(&b'\n')
}

fn without_times(file: &[u8]) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(file).unwrap();
    value["times"].take();
    value.to_string().into_bytes()
}

/// The files in which two runs differ, by name.
pub fn differing(left: &Path, right: &Path) -> Vec<PathBuf> {
    let (left, right) = (contents(left), contents(right));
    let mut names: Vec<&PathBuf> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .cloned()
        .collect()
}
