//! Broken memory stores: each earns the exact text beside it, and no mutation of any store panics.

use std::fs;
use std::path::{Path, PathBuf};

use dreameval::domain::id::TaskId;
use dreameval::domain::memory::{Entry, Store};
use dreameval::draw::Key;
use dreameval::error::ErrorKind;
use dreameval::files::TemporaryFolder;
use dreameval::formats::memory::{export_json, learnings, read_store, write_store};
use dreameval::promotion::screen::{HeldOut, Of, ScreenContext, screen};

use crate::bench_kit::mutations;

const PLAYBOOK: &str = "---\nname: Convert first\ndescription: \"For drafts: convert\"\nwhen: format is wpd\n\
                        roles: [associate, 'second one']\nevidence:\n- s-1\n- s-2\n---\n\nWhen format is wpd, do convert before open\n";
const SKILL: &str = "---\nname: deploy\ndescription: >-\n  Use when\n  it fails\nmetadata:\n  source: drm_1\n---\n1. Look\n\n```sh\nls\n```\n";
const NOTES: &str = "# Files\n\nOpen first:\n\n- one\n  - inner\n- two é\n\n## When format is wpd\n\n- do convert\n\n> quoted\n\n| a | b |\n|---|---|\n\n<!-- c -->\n\n```\ncode\n";

fn broken() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken/memory")
}

/// What reading `path` says, with paths shown from `root` on.
fn told(path: &Path, root: &Path) -> String {
    let told = read_store(path).map_or_else(
        |error| error.to_string(),
        |_| "read without an error".into(),
    );
    told.replace(&format!("{}/", root.display()), "")
}

#[test]
fn every_broken_store_earns_the_text_beside_it() {
    let mut paths: Vec<PathBuf> = fs::read_dir(broken())
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_none_or(|it| it != "txt"))
        .collect();
    paths.sort();
    assert!(20 <= paths.len(), "only {} broken stores", paths.len());
    for path in paths {
        let text = path.with_extension("txt");
        let actual = format!("{}\n", told(&path, &broken()));
        assert_eq!(
            actual,
            fs::read_to_string(&text).unwrap_or_default(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_path_where_nothing_is_says_so() {
    assert_eq!(
        told(&broken().join("nowhere"), &broken()),
        "error: there is no such file or folder\n  --> nowhere\n\n\
         hint: check the path; relative paths start at the working directory"
    );
}

#[test]
fn a_memory_larger_than_a_store_takes_is_refused() {
    let folder = TemporaryFolder::create("broken").unwrap();
    fs::write(folder.path().join("a.md"), "x".repeat(102_401)).unwrap();
    fs::write(folder.path().join("b.md"), "x".repeat(102_400)).unwrap();
    assert_eq!(
        told(folder.path(), folder.path().parent().unwrap()),
        format!(
            "error: memory `/a.md` has 102401 bytes, and the most a store takes is 102400\n  --> {}\n\n\
             hint: split it into several files",
            folder.path().file_name().unwrap().display()
        )
    );
}

#[test]
fn more_memories_than_a_store_holds_are_refused_on_reading_and_on_writing() {
    let folder = TemporaryFolder::create("broken").unwrap();
    let entry = |number: usize| Entry {
        path: format!("/{number}.md"),
        text: String::new(),
    };
    let target = folder.path().join("store");
    write_store(&Store::new((0..2000).map(entry).collect()), &target).unwrap();
    assert_eq!(read_store(&target).unwrap().entries.len(), 2000);
    fs::write(target.join("one-more.md"), "").unwrap();
    let what = "this store holds 2001 files, and the most a store takes is 2000";
    assert_eq!(read_store(&target).unwrap_err().what(), what);
    let error = write_store(&Store::new((0..2001).map(entry).collect()), &target).unwrap_err();
    assert_eq!(error.what(), what);
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_refused_together() {
    let folder = TemporaryFolder::create("broken").unwrap();
    let link =
        |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    link("/etc/hostname", "link.md");
    link(".", "round");
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    assert_eq!(
        told(folder.path(), folder.path()),
        "error: this is a symbolic link, and links are not followed here\n  --> link.md\n\n\
         hint: put a copy of the file in its place\n\n\
         error: this is a symbolic link, and links are not followed here\n  --> round\n\n\
         hint: put a copy of the file in its place\n\n\
         error: this is neither a file nor a folder\n  --> socket\n\nhint: remove it"
    );
}

#[cfg(unix)]
#[test]
fn hostile_file_names_are_told_without_being_printed() {
    use std::os::unix::ffi::OsStrExt;
    let folder = TemporaryFolder::create("broken").unwrap();
    fs::write(folder.path().join("a\u{1b}[2J\n.md"), "x").unwrap();
    fs::write(
        folder.path().join(std::ffi::OsStr::from_bytes(b"b\xff.md")),
        "x",
    )
    .unwrap();
    let root = folder.path().file_name().unwrap().display();
    assert_eq!(
        told(folder.path(), folder.path().parent().unwrap()),
        format!(
            "error: the name of the file `b\u{fffd}.md` is not UTF-8\n  --> {root}\n\nhint: rename it\n\n\
             error: memory path `/a\\u{{1b}}[2J\\u{{a}}.md` holds the invisible character U+001B\n  --> {root}\n\n\
             hint: rename it without that character"
        )
    );
}

#[test]
fn folders_nested_too_deep_are_refused() {
    let folder = TemporaryFolder::create("broken").unwrap();
    fs::create_dir_all(folder.path().join("d/".repeat(33))).unwrap();
    assert_eq!(
        read_store(folder.path()).unwrap_err().what(),
        "folders are nested deeper than 32 here"
    );
}

#[test]
fn a_huge_line_is_read_like_any_other() {
    let folder = TemporaryFolder::create("broken").unwrap();
    fs::write(
        folder.path().join("a.md"),
        format!("- {}\n", "word ".repeat(20_000)),
    )
    .unwrap();
    let store = read_store(folder.path()).unwrap();
    assert_eq!(learnings(&store).learnings[0].text.len(), 100_001);
}

#[test]
fn a_changed_memory_is_an_integrity_error() {
    let error = read_store(&broken().join("digest-differs.json")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[test]
fn mutated_stores_are_read_or_refused_without_a_panic() {
    let folder = TemporaryFolder::create("mutated").unwrap();
    let skill = folder.path().join("skill");
    fs::create_dir(&skill).unwrap();
    let paths = [
        folder.path().join("a.md"),
        folder.path().join("a.jsonl"),
        folder.path().join("a.json"),
        skill.join("SKILL.md"),
    ];
    let sources = sources();
    let mut read = 0;
    for number in 0..mutations() {
        let key = Key::root(17).number(number);
        let path = &paths[key.below(0, paths.len())];
        fs::write(path, mutated(&sources, key.word("bytes"))).unwrap();
        let store = if path.starts_with(&skill) {
            read_store(&skill)
        } else {
            read_store(path)
        };
        match store {
            Ok(store) => {
                read += 1;
                assert_learnings_stand_in(&store);
            }
            Err(error) => assert!(error.to_string().starts_with("error: ")),
        }
    }
    assert!(
        mutations() / 10 < read && read < mutations(),
        "{read} of {} were read",
        mutations()
    );
}

/// Every learning is exactly its span, and the screen takes all of them.
fn assert_learnings_stand_in(store: &Store) {
    let context = ScreenContext {
        held_out: vec![
            HeldOut::of(&TaskId::new("task-17"), Of::Name, "task-17"),
            HeldOut::of(&TaskId::new("task-17"), Of::Answer, "convert"),
        ],
        ..ScreenContext::of(store)
    };
    for learning in learnings(store).learnings {
        let bytes = store.bytes_of(&learning.source).unwrap_or_default();
        assert!(bytes.contains(&learning.text) && !learning.text.trim().is_empty());
        assert!(
            screen(&learning, &context)
                .iter()
                .all(|it| it.id != "integrity")
        );
    }
}

fn sources() -> Vec<Vec<u8>> {
    let entry = |path: &str, text: &str| Entry {
        path: path.into(),
        text: text.into(),
    };
    let export = export_json(&Store::new(vec![
        entry("/p.md", PLAYBOOK),
        entry("/n.md", NOTES),
    ]));
    let lines = "{\"path\":\"/a\",\"content\":\"- x\"}\n{\"path\":\"/b\",\"content\":\"y\"}\n";
    [PLAYBOOK, SKILL, NOTES, lines, &export]
        .into_iter()
        .map(|it| it.as_bytes().to_vec())
        .collect()
}

/// One to three changes: a bit flipped, the end cut off, or a piece of another source spliced in.
fn mutated(sources: &[Vec<u8>], key: Key) -> Vec<u8> {
    let mut bytes = sources[key.below(0, sources.len())].clone();
    for change in 0..1 + key.below(1, 3) as u64 {
        let key = key.number(change);
        let at = key.below(0, bytes.len() + 1);
        match key.below(1, 4) {
            0 => bytes.truncate(at),
            1 => {
                let other = &sources[key.below(2, sources.len())];
                let start = key.below(3, other.len());
                let end = start + key.below(4, other.len() - start + 1);
                bytes.splice(at..at, other[start..end].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << key.below(2, 8);
                }
            }
        }
    }
    bytes
}
