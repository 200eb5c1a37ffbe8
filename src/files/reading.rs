//! Files read whole and folders listed, within limits; what is not plain files and folders is refused.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, count};
use crate::files::cannot_read;

/// The largest file `read_text` takes, in bytes (256 MiB).
pub const TEXT_AT_MOST: u64 = 256 << 20;

/// How many folders deep a listing goes.
pub const DEPTH_AT_MOST: usize = 32;

/// How many files a listing holds.
pub const FILES_AT_MOST: usize = 100_000;

/// The text of a file of at most [`TEXT_AT_MOST`] bytes.
///
/// Errors: no such file, a folder, too large, not UTF-8 (with the line, column and offset of the first bad byte).
pub fn read_text(path: &Path) -> Result<String> {
    text_of(read_bytes(path, TEXT_AT_MOST)?, path)
}

/// The bytes of a file, refused where there are more than `at_most`.
pub fn read_bytes(path: &Path, at_most: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    // The length is a hint: the file may grow, or be none.
    let length = file.metadata().map_or(0, |it| it.len()).min(at_most);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(at_most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| cannot_read(path, &error))?;
    if at_most < bytes.len() as u64 {
        return Err(too_large(path, at_most));
    }
    Ok(bytes)
}

pub(super) fn too_large(path: &Path, at_most: u64) -> Error {
    Error::input(format!(
        "this file is larger than {}, the most that is read here",
        count(usize::try_from(at_most).unwrap_or(usize::MAX), "byte")
    ))
    .in_file(path)
    .mend("split it, or move it elsewhere")
}

/// Bytes that came from `path`, as text; the error names the first byte that is not UTF-8.
pub fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let (line, column) = position(&String::from_utf8_lossy(&bytes[..offset]), offset);
        let mend = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                "the file begins like UTF-16; save it again as UTF-8"
            }
            _ => "save it again as UTF-8, or move it elsewhere if it is not text",
        };
        Error::input(format!(
            "this file is not UTF-8: byte {offset} fits no character"
        ))
        .in_file(path)
        .at(line, column)
        .mend(mend)
    })
}

/// Line and column of a byte offset, both from 1; columns count characters.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

/// Every file below a folder, relative to it and sorted by path.
///
/// Links and special files are errors, all told together, since what they lead to is not part of the folder. So are
/// more than [`FILES_AT_MOST`] files, or folders nested deeper than [`DEPTH_AT_MOST`].
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut faults = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        let path = folder.join(&inner);
        if DEPTH_AT_MOST < inner.components().count() {
            faults.push(
                Error::input(format!(
                    "folders are nested deeper than {DEPTH_AT_MOST} here"
                ))
                .in_file(&path)
                .mend("move what is needed further up"),
            );
            continue;
        }
        let entries = fs::read_dir(&path).map_err(|error| cannot_read(&path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| cannot_read(&path, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| cannot_read(&entry.path(), &error))?;
            let relative = inner.join(entry.file_name());
            if kind.is_dir() {
                open.push(relative);
            } else if kind.is_file() {
                files.push(relative);
            } else {
                faults.push(not_a_file(&entry.path(), kind.is_symlink()));
            }
            if FILES_AT_MOST < files.len() {
                return Err(too_many(folder));
            }
        }
    }
    faults.sort_by_key(Error::to_string);
    files.sort();
    Error::join(faults).map_or(Ok(files), Err)
}

fn not_a_file(path: &Path, is_link: bool) -> Error {
    let (what, mend) = if is_link {
        (
            "this is a symbolic link, and links are not followed here",
            "put a copy of the file in its place",
        )
    } else {
        ("this is neither a file nor a folder", "remove it")
    };
    Error::input(what).in_file(path).mend(mend)
}

fn too_many(folder: &Path) -> Error {
    Error::input(format!(
        "more than {FILES_AT_MOST} files lie below this folder"
    ))
    .in_file(folder)
    .mend("name a smaller folder")
}

/// The names in a folder as far as they are UTF-8, in no order; none where it cannot be read.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.flatten().map(|it| it.file_name().into_string());
    names.flatten().collect()
}

/// Whether something stands at this path, a broken link included.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether `path`, which need not exist, lies in `folder` or below it.
pub fn lies_below(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else {
        return false;
    };
    let from_here = std::env::current_dir().unwrap_or_default().join(path);
    from_here
        .ancestors()
        .find_map(|above| fs::canonicalize(above).ok())
        .is_some_and(|above| above.starts_with(folder))
}

/// How many bytes a file has.
pub fn length(path: &Path) -> Result<u64> {
    fs::metadata(path)
        .map(|it| it.len())
        .map_err(|error| cannot_read(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{TemporaryFolder, write};

    fn folder() -> TemporaryFolder {
        TemporaryFolder::create("files").unwrap()
    }

    #[test]
    fn a_file_that_is_not_utf8_is_told_with_its_place() {
        let folder = folder();
        let path = folder.path().join("a.md");
        write(&path, b"one\ntw\xc3\xa9\xff").unwrap();
        let error = read_text(&path).unwrap_err().to_string();
        assert_eq!(
            error.replace(&path.display().to_string(), "a.md"),
            "error: this file is not UTF-8: byte 8 fits no character\n  --> a.md:2:4\n\n\
             hint: save it again as UTF-8, or move it elsewhere if it is not text"
        );
    }

    #[test]
    fn a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
        let folder = folder();
        let path = folder.path().join("a");
        write(&path, b"four").unwrap();
        assert_eq!(read_bytes(&path, 4).unwrap(), b"four");
        assert_eq!(
            read_bytes(&path, 3).unwrap_err().what(),
            "this file is larger than 3 bytes, the most that is read here"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_listing_are_refused() {
        let folder = folder();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert_eq!(
            list(folder.path()).unwrap_err().what(),
            "this is a symbolic link, and links are not followed here"
        );
    }
}
