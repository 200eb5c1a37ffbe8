//! Stores on disk: a folder, a single text, or an export, read and written under the rules of a real store.

use std::path::{Path, PathBuf};

use crate::domain::memory::{Entry, Store};
use crate::error::{Error, Result, count};
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
    files::write_folder(folder, &files_of(store))
}

/// Puts a store in the place of another, in the shape that stands there: a folder, an export, or a single text. Whoever
/// looks finds all of the old store or all of the new.
///
/// Errors: whatever breaks the rules of a real store or cannot stand on a disk, and a single text for several entries.
pub fn replace_store(store: &Store, path: &Path) -> Result<()> {
    check_replace(store, path)?;
    match shape_at(path)? {
        Stands::Export(file) => files::write(&file, export::export_json(store).as_bytes()),
        Stands::Text => {
            let text = store.entries.first().map_or("", |it| it.text.as_str());
            files::write(path, text.as_bytes())
        }
        Stands::Folder => files::replace_folder(path, &files_of(store)),
    }
}

/// Whether a store can take the place of what stands at a path.
///
/// Errors: those of [`replace_store`], before anything is written.
pub fn check_replace(store: &Store, path: &Path) -> Result<()> {
    let several = || {
        Error::input(format!(
            "a single text cannot hold a store of {}",
            count(store.entries.len(), "file")
        ))
        .in_file(path)
        .mend("name a folder")
    };
    match shape_at(path)? {
        Stands::Export(_) => Ok(()),
        Stands::Text if store.entries.len() <= 1 => Ok(()),
        Stands::Text => Err(several()),
        Stands::Folder => {
            let mut faults = rules::faults(store, Origin::Folder(path));
            faults.extend(rules::folder_faults(store, path));
            Error::join(faults).map_or(Ok(()), Err)
        }
    }
}

/// The shape of the store at a path; a folder where nothing is there yet.
enum Stands {
    Export(PathBuf),
    Text,
    Folder,
}

fn shape_at(path: &Path) -> Result<Stands> {
    if let Some(export) = export_at(path)? {
        return Ok(Stands::Export(export));
    }
    let is_text = files::exists(path) && !path.is_dir();
    Ok(if is_text {
        Stands::Text
    } else {
        Stands::Folder
    })
}

/// The export file at a path: itself, or the only file of the folder.
fn export_at(path: &Path) -> Result<Option<PathBuf>> {
    if !path.is_dir() {
        return Ok(is_json(path).then(|| path.to_owned()));
    }
    let only = match files::list(path)?.as_slice() {
        [only] if is_json(only) => path.join(only),
        _ => return Ok(None),
    };
    let is_export = export::read(&files::read_text(&only)?, &only)?.is_some();
    Ok(is_export.then_some(only))
}

fn files_of(store: &Store) -> Vec<(PathBuf, &[u8])> {
    let file = |it: &'_ Entry| PathBuf::from(it.path.trim_start_matches('/'));
    store
        .entries
        .iter()
        .map(|it| (file(it), it.text.as_bytes()))
        .collect()
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
    fn a_store_takes_the_place_of_another_in_the_shape_that_stands_there() {
        let folder = files::TemporaryFolder::create("store").unwrap();
        let (old, new) = (
            store(&[("/a.md", "x"), ("/b.md", "y")]),
            store(&[("/a.md", "z")]),
        );
        let export = folder.path().join("export.json");
        files::write(&export, export::export_json(&old).as_bytes()).unwrap();
        let plain = folder.path().join("memory");
        write_store(&old, &plain).unwrap();
        for place in [&export, &plain] {
            replace_store(&new, place).unwrap();
            assert_eq!(read_store(place).unwrap(), new);
        }
        assert!(!export.is_dir() && plain.is_dir());
        let text = folder.path().join("CLAUDE.md");
        files::write(&text, b"x").unwrap();
        replace_store(&store(&[("/CLAUDE.md", "z")]), &text).unwrap();
        assert_eq!(files::read_text(&text).unwrap(), "z");
        assert_eq!(
            replace_store(&old, &text).unwrap_err().what(),
            "a single text cannot hold a store of 2 files"
        );
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
