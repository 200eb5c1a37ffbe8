//! Stores on disk: a folder, a single text, or an export, read and written under the rules of a real store.

use std::path::{Path, PathBuf};

use crate::domain::memory::{Entry, Store};
use crate::error::{Error, Result};
use crate::files;
use crate::formats::memory::export;
use crate::formats::memory::rules::{self, Origin, shown};
use crate::formats::memory::shape_faults;

/// The largest file read into memory before the rules of a store are asked, in bytes (16 MiB).
const FILE_AT_MOST: u64 = 16 << 20;

/// Reads a memory store: a folder of texts, a single text, or a managed-agents export.
///
/// A `.json`, `.jsonl` or `.ndjson` file is taken for an export where it is named itself or is the only file of the
/// folder, and its objects have `path` and `content`. Errors, all told together: files that are not UTF-8, links,
/// broken rules of a real store, digests that do not match, front matter that cannot be read.
pub fn read_store(path: &Path) -> Result<Store> {
    if !path.is_dir() {
        return read_file(path);
    }
    let listed = files::list(path)?;
    if let [only] = listed.as_slice()
        && is_json(only)
    {
        let file = path.join(only);
        if let Some(entries) = export::read(&files::read_text(&file)?, &file)? {
            return checked(Store::new(entries), Origin::Export(&file), Vec::new());
        }
    }
    let mut faults = Vec::new();
    let mut entries = Vec::new();
    for inner in listed {
        match read_entry(path, &inner) {
            Ok(entry) => entries.push(entry),
            Err(fault) => faults.push(fault),
        }
    }
    checked(Store::new(entries), Origin::Folder(path), faults)
}

/// Writes a store into a new or empty folder, all of it or nothing.
///
/// Errors, all told together: whatever breaks the rules of a real store, or cannot stand on a disk.
pub fn write_store(store: &Store, folder: &Path) -> Result<()> {
    let mut faults = rules::faults(store, Origin::Folder(folder));
    faults.extend(rules::folder_faults(store, folder));
    if let Some(error) = Error::join(faults) {
        return Err(error);
    }
    let files: Vec<(PathBuf, &[u8])> = store
        .entries
        .iter()
        .map(|it| {
            (
                PathBuf::from(it.path.trim_start_matches('/')),
                it.text.as_bytes(),
            )
        })
        .collect();
    files::write_folder(folder, &files)
}

fn read_file(path: &Path) -> Result<Store> {
    if is_json(path)
        && let Some(entries) = export::read(&files::read_text(path)?, path)?
    {
        return checked(Store::new(entries), Origin::Export(path), Vec::new());
    }
    let name = path.file_name().map_or_else(PathBuf::new, PathBuf::from);
    let text = files::text_of(files::read_bytes(path, FILE_AT_MOST)?, path)?;
    let entry = Entry {
        path: store_path(&name, path)?,
        text,
    };
    checked(Store::new(vec![entry]), Origin::File(path), Vec::new())
}

fn read_entry(folder: &Path, inner: &Path) -> Result<Entry> {
    let path = store_path(inner, folder)?;
    let file = folder.join(inner);
    let text = files::text_of(files::read_bytes(&file, FILE_AT_MOST)?, &file)?;
    Ok(Entry { path, text })
}

/// `notes/a.md` as `/notes/a.md`.
fn store_path(inner: &Path, root: &Path) -> Result<String> {
    let mut path = String::new();
    for name in inner.components() {
        let name = name.as_os_str();
        let Some(name) = name.to_str() else {
            return Err(Error::input(format!(
                "the name of the file `{}` is not UTF-8",
                shown(&inner.to_string_lossy())
            ))
            .in_file(root)
            .mend("rename it"));
        };
        path.push('/');
        path.push_str(name);
    }
    Ok(path)
}

fn is_json(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    ["json", "jsonl", "ndjson"]
        .iter()
        .any(|it| ending.eq_ignore_ascii_case(it))
}

fn checked(store: Store, origin: Origin<'_>, mut faults: Vec<Error>) -> Result<Store> {
    faults.extend(rules::faults(&store, origin));
    faults.extend(shape_faults(&store, origin));
    Error::join(faults).map_or(Ok(store), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(entries: &[(&str, &str)]) -> Store {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).into(),
            text: (*text).into(),
        };
        Store::new(entries.iter().map(entry).collect())
    }

    #[test]
    fn a_written_store_reads_back_byte_for_byte() {
        let folder = files::TemporaryFolder::create("store").unwrap();
        let store = store(&[("/notes/a.md", "- x\r\n"), ("/b", ""), ("/c.json", "{}")]);
        let target = folder.path().join("memory");
        write_store(&store, &target).unwrap();
        assert_eq!(read_store(&target).unwrap(), store);
    }

    #[test]
    fn an_export_is_read_where_it_is_named_or_alone_in_its_folder() {
        let folder = files::TemporaryFolder::create("store").unwrap();
        let store = store(&[("/a.md", "x"), ("/b.md", "y")]);
        let file = folder.path().join("export.json");
        files::write(&file, export::export_json(&store).as_bytes()).unwrap();
        assert_eq!(read_store(&file).unwrap(), store);
        assert_eq!(read_store(folder.path()).unwrap(), store);
    }

    #[test]
    fn a_single_text_is_a_store_of_one() {
        let folder = files::TemporaryFolder::create("store").unwrap();
        let file = folder.path().join("CLAUDE.md");
        files::write(&file, b"x").unwrap();
        assert_eq!(read_store(&file).unwrap(), store(&[("/CLAUDE.md", "x")]));
    }

    #[test]
    fn a_path_that_leaves_the_folder_is_never_written() {
        let folder = files::TemporaryFolder::create("store").unwrap();
        let target = folder.path().join("memory");
        let error = write_store(&store(&[("/../evil", "x"), ("b", "y")]), &target).unwrap_err();
        assert_eq!(
            error.what(),
            "memory path `/../evil` has a segment `.` or `..`"
        );
        assert!(!files::exists(&target) && !files::exists(&folder.path().join("evil")));
    }
}
