//! What a real memory store takes: its rules for paths, sizes and counts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::domain::memory::{Entry, Store};
use crate::error::{Error, count};

/// The longest path, in bytes of UTF-8.
pub const PATH_BYTES: usize = 1024;

/// The most segments a path has.
pub const SEGMENTS: usize = 20;

/// The longest text of one memory, in bytes of UTF-8.
pub const CONTENT_BYTES: usize = 102_400;

/// The most memories a store holds.
pub const ENTRIES: usize = 2000;

/// The longest name of a file or folder on common disks, in bytes.
const NAME_BYTES: usize = 255;

/// Where the entries of a store came from, so that a fault names a file an editor can open.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// One file per entry below this folder.
    Folder(&'a Path),
    /// One entry, which is this file.
    File(&'a Path),
    /// All entries inside this file.
    Export(&'a Path),
}

impl Origin<'_> {
    /// The folder or file that holds everything.
    pub(crate) fn root(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::File(path) | Self::Export(path) => path,
        }
    }

    /// The file in which the entry at `path` stands; inside an export, the file with the entry's path behind `#`.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        match self {
            Self::Folder(root) => root.join(path.trim_start_matches('/')),
            Self::File(file) => file.to_path_buf(),
            Self::Export(file) => {
                let mut name = file.as_os_str().to_owned();
                name.push("#");
                name.push(path);
                PathBuf::from(name)
            }
        }
    }
}

/// Every rule this store breaks, in store order.
pub(crate) fn faults(store: &Store, origin: Origin<'_>) -> Vec<Error> {
    let root = origin.root();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    if ENTRIES < store.entries.len() {
        faults.push(
            Error::input(format!(
                "this store holds {}, and the most a store takes is {ENTRIES}",
                count(store.entries.len(), "file")
            ))
            .in_file(root)
            .mend("merge small files, or keep the rest in a second store"),
        );
    }
    for entry in &store.entries {
        faults.extend(
            path_faults(&entry.path)
                .into_iter()
                .map(|it| it.in_file(root)),
        );
        if !seen.insert(entry.path.as_str()) {
            faults.push(
                Error::input(format!(
                    "two memories have the path `{}`",
                    shown(&entry.path)
                ))
                .in_file(root)
                .mend("rename one of them, or keep only the newer"),
            );
        }
        if CONTENT_BYTES < entry.text.len() {
            faults.push(
                Error::input(format!(
                    "memory `{}` has {}, and the most a store takes is {CONTENT_BYTES}",
                    shown(&entry.path),
                    count(entry.text.len(), "byte")
                ))
                .in_file(root)
                .mend("split it into several files"),
            );
        }
    }
    faults
}

/// The files of a store that a folder can hold, and beside them the path of each other and what is wrong with it. Of a
/// file and what would lie below it the file stays.
pub fn split_unwritable(store: Store) -> (Store, Vec<(String, String)>) {
    let mut kept: Vec<Entry> = Vec::new();
    let mut left_out = Vec::new();
    for entry in store.entries {
        let faults = entry_faults(&entry, &kept);
        match faults.first() {
            None => kept.push(entry),
            Some(fault) => left_out.push((shown(&entry.path), fault.what().to_owned())),
        }
    }
    (Store::new(kept), left_out)
}

/// What keeps one entry from being written beside these.
fn entry_faults(entry: &Entry, others: &[Entry]) -> Vec<Error> {
    let path = entry.path.as_str();
    let above = |it: &&Entry| {
        let rest = path.strip_prefix(it.path.as_str());
        rest.is_some_and(|it| it.starts_with('/'))
    };
    let near = others.iter().filter(above).cloned();
    let few = Store::new(near.chain([entry.clone()]).collect());
    let origin = Path::new("");
    let mut found = faults(&few, Origin::Folder(origin));
    found.extend(folder_faults(&few, origin));
    found
}

/// What keeps this store from being written as a folder, beside the rules of every store.
pub(crate) fn folder_faults(store: &Store, folder: &Path) -> Vec<Error> {
    let paths: BTreeSet<&str> = store.entries.iter().map(|it| it.path.as_str()).collect();
    let mut faults = Vec::new();
    for path in &paths {
        // A folder of that name is obeyed by whoever runs `git` beside it.
        if path
            .split('/')
            .any(|name| name.eq_ignore_ascii_case(".git"))
        {
            faults.push(
                Error::input(format!(
                    "memory `{}` lies in a folder called `.git`",
                    shown(path)
                ))
                .in_file(folder)
                .mend(
                    "keep memories elsewhere: what stands there is configuration that programs run",
                ),
            );
        }
        if path.split('/').any(|name| NAME_BYTES < name.len()) {
            faults.push(
                Error::input(format!(
                    "memory `{}` has a name longer than {NAME_BYTES} bytes, which disks do not take",
                    shown(path)
                ))
                .mend("shorten the name, or export the store as one file"),
            );
        }
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(above) = above.into_iter().find(|it| paths.contains(it)) {
            faults.push(
                Error::input(format!(
                    "`{}` is a memory and also the folder of `{}`, and a disk holds only one of them",
                    shown(above),
                    shown(path)
                ))
                .mend("rename one of them, or export the store as one file"),
            );
        }
    }
    faults.into_iter().map(|it| it.in_file(folder)).collect()
}

/// Every rule one path breaks.
fn path_faults(path: &str) -> Vec<Error> {
    let mut faults = Vec::new();
    let mut fault = |what: String, mend: String| {
        faults.push(Error::input(format!("memory path `{}` {what}", shown(path))).mend(mend));
    };
    if !path.starts_with('/') {
        fault(
            "does not begin with `/`".into(),
            format!("write it as `/{}`", shown(path)),
        );
    }
    if PATH_BYTES < path.len() {
        fault(
            format!(
                "has {}, and the most a path may have is {PATH_BYTES}",
                count(path.len(), "byte")
            ),
            "shorten its names".into(),
        );
    }
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    if SEGMENTS < segments.len() {
        fault(
            format!(
                "has {}, and the most a path may have is {SEGMENTS}",
                count(segments.len(), "segment")
            ),
            "use fewer folders".into(),
        );
    }
    if segments.iter().any(|it| it.is_empty()) {
        fault(
            "has an empty segment".into(),
            "write one `/` between names, and none at the end".into(),
        );
    }
    if segments.iter().any(|it| matches!(*it, "." | "..")) {
        fault(
            "has a segment `.` or `..`".into(),
            "write the path out in full".into(),
        );
    }
    if let Some(hidden) = path.chars().find(|it| is_control_or_format(*it)) {
        fault(
            format!("holds the invisible character U+{:04X}", u32::from(hidden)),
            "rename it without that character".into(),
        );
    }
    if !is_nfc(path) {
        let composed: String = path.nfc().collect();
        fault(
            "is not in Unicode's composed form (NFC)".into(),
            format!("rename it to `{}`, which looks the same", shown(&composed)),
        );
    }
    faults
}

/// A foreign path, safe to print and cut to a line.
pub(crate) fn shown(path: &str) -> String {
    let mut shown: String = path
        .chars()
        .take(80)
        .flat_map(|it| {
            let escaped = is_control_or_format(it).then(|| it.escape_unicode());
            let plain = escaped.is_none().then_some(it);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if path.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character is a control (Cc) or format (Cf) character, or one of the separators U+2028 and U+2029: what
/// no path may hold and no reader sees. Source: `DerivedGeneralCategory.txt` of Unicode 16.
pub fn is_control_or_format(it: char) -> bool {
    it.is_control()
        || matches!(u32::from(it),
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x2064 | 0x2066..=0x206f
            | 0xfeff | 0xfff9..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0001 | 0xe0020..=0xe007f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str) -> Vec<String> {
        path_faults(path)
            .iter()
            .map(|it| it.what().to_owned())
            .collect()
    }

    #[test]
    fn a_path_within_the_rules_has_no_faults() {
        let nineteen = "/a".repeat(20);
        assert_eq!(whats("/playbooks/deploy v2.md"), [""; 0]);
        assert_eq!(whats(&nineteen), [""; 0]);
        assert_eq!(whats("/r\u{e9}sum\u{e9}.md"), [""; 0]);
    }

    #[test]
    fn every_broken_rule_of_a_path_is_told() {
        assert_eq!(whats("a"), ["memory path `a` does not begin with `/`"]);
        assert_eq!(whats("/a//b"), ["memory path `/a//b` has an empty segment"]);
        assert_eq!(whats("/"), ["memory path `/` has an empty segment"]);
        assert_eq!(
            whats("/a/../b"),
            ["memory path `/a/../b` has a segment `.` or `..`"]
        );
        assert_eq!(
            whats("/a\u{1b}"),
            ["memory path `/a\\u{1b}` holds the invisible character U+001B"]
        );
        assert_eq!(
            whats("/a\u{2028}"),
            ["memory path `/a\\u{2028}` holds the invisible character U+2028"]
        );
        assert_eq!(
            whats("/e\u{301}"),
            ["memory path `/e\u{301}` is not in Unicode's composed form (NFC)"]
        );
        assert_eq!(whats(&format!("/{}", "a".repeat(1023))), [""; 0]);
        assert_eq!(whats(&format!("/{}", "a".repeat(1024))).len(), 1);
        assert_eq!(whats(&"/a".repeat(21)).len(), 1);
    }

    #[test]
    fn the_hidden_characters_are_those_of_the_unicode_categories() {
        let category = regex::Regex::new(r"^[\p{Cc}\p{Cf}\u{2028}\u{2029}]$").unwrap();
        let differing: Vec<char> = ('\0'..=char::MAX)
            .filter(|it| {
                category.is_match(it.encode_utf8(&mut [0; 4])) != is_control_or_format(*it)
            })
            .collect();
        assert_eq!(differing, Vec::<char>::new());
    }

    #[test]
    fn files_no_folder_holds_are_split_from_the_others() {
        let long = format!("/{}.md", "x".repeat(300));
        let paths = [
            "/A.md",
            "/a.md",
            "/a.md/b.md",
            "/b//c.md",
            "/d/../e.md",
            &long,
        ];
        let entry = |path: &&str| Entry {
            path: (*path).to_owned(),
            text: String::new(),
        };
        let (kept, left_out) = split_unwritable(Store::new(paths.iter().map(entry).collect()));
        let kept: Vec<&str> = kept.entries.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(kept, ["/A.md", "/a.md"]);
        let whats: Vec<&str> = left_out.iter().map(|it| it.1.as_str()).collect();
        assert_eq!(whats.len(), 4);
        assert_eq!(
            whats[..2],
            [
                "`/a.md` is a memory and also the folder of `/a.md/b.md`, and a disk holds only one of them",
                "memory path `/b//c.md` has an empty segment",
            ]
        );
    }

    #[test]
    fn a_memory_that_would_configure_programs_is_not_written_to_disk() {
        for path in ["/.git/config", "/a/.Git/hooks/x.md"] {
            let entry = Entry {
                path: path.into(),
                text: String::new(),
            };
            let found = folder_faults(&Store::new(vec![entry]), Path::new("x"));
            assert!(found[0].what().ends_with("lies in a folder called `.git`"));
        }
    }

    #[test]
    fn a_memory_that_is_also_a_folder_cannot_be_written_to_disk() {
        let entry = |path: &str| Entry {
            path: path.into(),
            text: String::new(),
        };
        let store = Store::new(vec![entry("/a"), entry("/a/b")]);
        assert_eq!(faults(&store, Origin::Folder(Path::new("x"))), []);
        assert_eq!(
            folder_faults(&store, Path::new("x"))[0].what(),
            "`/a` is a memory and also the folder of `/a/b`, and a disk holds only one of them"
        );
    }
}
