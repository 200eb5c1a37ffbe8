//! Broken suites, worlds, journals, policies, transcripts and runs: each earns the exact text beside it.

use std::fs;
use std::path::Path;

use dreameval::domain::id::Digest;
use dreameval::error::ErrorKind;
use dreameval::files::TemporaryFolder;
use dreameval::formats::suite::load_suite;
use dreameval::formats::transcript::read_session;
use dreameval::promotion::policy::Policy;
use dreameval::runner::journal::{self, Journal};
use dreameval::study::asked::RunFile;

use crate::catalogue::{assert_each_earns_its_text, shelf, told, told_from};

/// The suite every broken world is read through.
const AROUND_A_WORLD: &str = "format = 1\nname = \"s\"\nabout = \"Around a world\"\nenvironment.world = \"world.toml\"\n\n\
    [[role]]\nname = \"clerk\"\n\n[[task]]\nid = \"a\"\nfamily = \"f\"\nsplit = \"test\"\nrole = \"clerk\"\nprompt = \"Send it\"\n\
    setup.document = [{ name = \"x\" }]\nasks = [{ of = \"x\", is = \"sent\" }]\ngrade.state = [{ of = \"x\", is = \"sent\" }]\n";

#[test]
fn every_broken_suite_earns_the_text_beside_it() {
    assert_each_earns_its_text("suites", "toml", 80, |path| told(load_suite(path, None)));
}

#[test]
fn a_folder_without_a_suite_says_what_a_suite_is() {
    assert_each_earns_its_text("suites", "", 1, |path| told(load_suite(path, None)));
}

#[test]
fn every_broken_world_earns_the_text_beside_it() {
    assert_each_earns_its_text("worlds", "toml", 30, |path| {
        let folder = TemporaryFolder::create("world").unwrap();
        fs::write(folder.path().join("suite.toml"), AROUND_A_WORLD).unwrap();
        fs::copy(path, folder.path().join("world.toml")).unwrap();
        told_from(folder.path(), load_suite(folder.path(), None))
    });
}

#[test]
fn every_broken_journal_earns_the_text_beside_it() {
    let run = Digest::from_hex(&"a".repeat(64)).unwrap();
    assert_each_earns_its_text("journals", "jsonl", 15, |path| {
        let folder = TemporaryFolder::create("journal").unwrap();
        let copy = folder.path().join("journal.jsonl");
        fs::copy(path, &copy).unwrap();
        told_from(folder.path(), Journal::resume(&copy, &run))
    });
}

#[test]
fn a_journal_without_a_line_is_started_anew_and_cannot_be_read() {
    let path = shelf("journals").join("empty.jsonl");
    assert_eq!(
        told(journal::read(&path)),
        "error: this journal is damaged\n  --> journals/empty.jsonl:1:1\n  because: the first line is missing\n\n\
         hint: restore the file; only its last line may be torn"
    );
}

#[test]
fn a_journal_of_another_run_is_an_integrity_error() {
    let path = shelf("journals").join("another-run.jsonl");
    let run = Digest::from_hex(&"a".repeat(64)).unwrap();
    let error = Journal::resume(&path, &run).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[test]
fn every_broken_policy_earns_the_text_beside_it() {
    assert_each_earns_its_text("policies", "toml", 12, |path| {
        told(dreameval::files::read_text(path).and_then(|text| Policy::parse(path, &text)))
    });
}

#[test]
fn every_broken_transcript_earns_the_text_beside_it() {
    assert_each_earns_its_text("transcripts", "jsonl", 7, |path| {
        told(dreameval::files::read_text(path).and_then(|text| read_session(&text, path)))
    });
}

#[test]
fn every_broken_run_file_earns_the_text_beside_it() {
    assert_each_earns_its_text("runs", "json", 6, |path| {
        told(dreameval::files::read_text(path).and_then(|text| RunFile::parse(&text, path)))
    });
}

#[test]
fn a_suite_that_is_nowhere_says_so() {
    let nowhere = shelf("suites").join("nowhere");
    assert_eq!(
        told(load_suite(&nowhere, None)),
        "error: there is no such file or folder\n  --> suites/nowhere\n\n\
         hint: check the path; relative paths start at the working directory"
    );
}

#[test]
fn a_key_nested_beyond_reason_is_told_and_not_followed() {
    let folder = TemporaryFolder::create("nested").unwrap();
    let path = folder.path().join("suite.toml");
    for opening in ["[", "{ a = ", "a."] {
        fs::write(&path, format!("a = {}", opening.repeat(100_000))).unwrap();
        assert!(
            told_from(folder.path(), load_suite(Path::new(&path), None)).starts_with("error: ")
        );
    }
}
