//! Files and folders written whole or not at all: beside their place first, then renamed into it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files::{Sink, cannot_read, cannot_write, list};

/// Writes a whole file or nothing: into a neighbour first, flushed to the disk, then renamed. Missing folders are
/// made. A neighbour left by a killed process is overwritten by the next write.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_pieces(path, |sink| sink.write(bytes))
}

/// As [`write`], with the bytes given piece by piece; an error of `give` leaves what was there before.
pub fn write_pieces(path: &Path, give: impl FnOnce(&mut Sink<'_>) -> Result<()>) -> Result<()> {
    let staged = staging_name(path)?;
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    write_and_rename(&staged, path, give).inspect_err(|_| {
        // The first error is the one to tell; a leftover is overwritten by the next write.
        let _ = fs::remove_file(&staged);
    })
}

fn write_and_rename(
    staged: &Path,
    path: &Path,
    give: impl FnOnce(&mut Sink<'_>) -> Result<()>,
) -> Result<()> {
    let failed = |error: io::Error| cannot_write(path, &error);
    absent_is_fine(fs::remove_file(staged)).map_err(failed)?;
    let mut file = BufWriter::new(File::create_new(staged).map_err(failed)?);
    give(&mut Sink::new(&mut file, path))?;
    let file = file
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all()
        .and_then(|()| fs::rename(staged, path))
        .and_then(|()| sync_folder_of(path))
        .map_err(failed)
}

/// Writes a folder of files, all or none: into a neighbour first, then renamed. `folder` must be absent or empty.
/// Paths are relative to it.
pub fn write_folder(folder: &Path, files: &[(PathBuf, &[u8])]) -> Result<()> {
    let folder = if folder.is_dir() {
        refuse_unless_empty(folder)?;
        // A link to a folder is followed, since a folder cannot be renamed onto a link.
        fs::canonicalize(folder).map_err(|error| cannot_write(folder, &error))?
    } else {
        folder.to_owned()
    };
    let staged = staging_name(&folder)?;
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
    }
    stage_and_rename(&staged, &folder, files).map_err(|error| {
        let _ = fs::remove_dir_all(&staged);
        cannot_write(&folder, &error)
    })
}

/// Writes a folder of files in the place of another, in one instant: whoever looks, and whenever the process is killed,
/// finds all of the old files or all of the new. Paths are relative to it.
///
/// What was there is removed afterwards. Needs a file system that can exchange two names (`renameat2`).
pub fn replace_folder(folder: &Path, files: &[(PathBuf, &[u8])]) -> Result<()> {
    if !folder.is_dir() {
        return write_folder(folder, files);
    }
    let folder = fs::canonicalize(folder).map_err(|error| cannot_write(folder, &error))?;
    let staged = staging_name(&folder)?;
    stage(&staged, files)
        .and_then(|()| keep_modes(&staged, &folder, files))
        .and_then(|()| sync(&staged, files))
        .and_then(|()| exchange(&staged, &folder))
        .and_then(|()| sync_folder_of(&folder))
        .and_then(|()| fs::remove_dir_all(&staged))
        .map_err(|error| cannot_write(&folder, &error))
}

/// A file keeps the mode of the one it takes the place of.
fn keep_modes(staged: &Path, folder: &Path, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
    for (path, _) in files {
        if let Ok(old) = fs::metadata(folder.join(path)) {
            fs::set_permissions(staged.join(path), old.permissions())?;
        }
    }
    Ok(())
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(io::Error::from)
}

fn stage_and_rename(staged: &Path, folder: &Path, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
    stage(staged, files)?;
    fs::rename(staged, folder)?;
    sync_folder_of(folder)
}

fn stage(staged: &Path, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(staged))?;
    fs::create_dir(staged)?;
    for (path, bytes) in files {
        let path = staged.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        File::create_new(&path)?.write_all(bytes)?;
    }
    Ok(())
}

fn sync(folder: &Path, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
    files
        .iter()
        .try_for_each(|(path, _)| File::open(folder.join(path))?.sync_all())
}

fn refuse_unless_empty(folder: &Path) -> Result<()> {
    let mut inside = fs::read_dir(folder).map_err(|error| cannot_read(folder, &error))?;
    match inside.next() {
        None => Ok(()),
        Some(_) => Err(
            Error::input("this folder is not empty, and nothing in it is overwritten")
                .in_file(folder)
                .mend("name a new folder, or empty this one"),
        ),
    }
}

/// Makes a folder and those above it; one that exists is fine.
pub fn create_folder(folder: &Path) -> Result<()> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))
}

/// Makes the first free folder among `<base>-1`, `<base>-2`, …; two processes never get the same one.
pub fn create_numbered_folder(base: &Path) -> Result<PathBuf> {
    if let Some(parent) = base.parent() {
        create_folder(parent)?;
    }
    for number in 1..=u32::MAX {
        let mut name = base.as_os_str().to_owned();
        name.push(format!("-{number}"));
        let folder = PathBuf::from(name);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot_write(&folder, &error)),
        }
    }
    Err(
        Error::outside("every numbered folder of this name is taken")
            .in_file(base)
            .mend("remove some of them"),
    )
}

/// Copies every file below `from` to the same place below `to`, with its permissions. Empty folders are not copied;
/// links are errors (see [`list`]).
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    create_folder(to)?;
    for file in list(from)? {
        let target = to.join(&file);
        if let Some(folder) = target.parent() {
            create_folder(folder)?;
        }
        fs::copy(from.join(&file), &target).map_err(|error| cannot_write(&target, &error))?;
    }
    Ok(())
}

/// Removes a file; one that is already gone is fine.
pub fn remove(path: &Path) -> Result<()> {
    absent_is_fine(fs::remove_file(path)).map_err(|error| cannot_write(path, &error))
}

/// The neighbour something is written to before it is renamed into place.
fn staging_name(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(Error::input("this path names no file or folder")
            .in_file(path)
            .mend("add a name at its end"));
    };
    let mut staged = OsString::from(".");
    staged.push(name);
    staged.push(".partial");
    Ok(path.with_file_name(staged))
}

/// A rename is on the disk only once the folder that holds the name is.
#[cfg(unix)]
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder_of(_: &Path) -> io::Result<()> {
    Ok(())
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{TemporaryFolder, exists, read_text};

    fn folder() -> TemporaryFolder {
        TemporaryFolder::create("files").unwrap()
    }

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let folder = folder();
        let path = folder.path().join("deep/a");
        write(&path, b"a longer text").unwrap();
        std::fs::write(
            folder.path().join("deep/.a.partial"),
            "left by a killed process",
        )
        .unwrap();
        write(&path, b"short").unwrap();
        assert_eq!(read_text(&path).unwrap(), "short");
        assert_eq!(list(folder.path()).unwrap(), [Path::new("deep/a")]);
    }

    #[test]
    fn numbered_folders_take_the_first_free_number() {
        let folder = folder();
        let base = folder.path().join("reports/july");
        assert_eq!(
            create_numbered_folder(&base).unwrap(),
            folder.path().join("reports/july-1")
        );
        assert_eq!(
            create_numbered_folder(&base).unwrap(),
            folder.path().join("reports/july-2")
        );
    }

    #[test]
    fn a_folder_is_written_as_a_whole_and_never_over_another() {
        let folder = folder();
        let target = folder.path().join("store");
        create_folder(&target).unwrap();
        write_folder(&target, &[("b/c".into(), b"1"), ("a".into(), b"2")]).unwrap();
        assert_eq!(list(&target).unwrap(), [Path::new("a"), Path::new("b/c")]);
        assert_eq!(
            write_folder(&target, &[]).unwrap_err().what(),
            "this folder is not empty, and nothing in it is overwritten"
        );
    }

    #[test]
    fn a_folder_takes_the_place_of_another_and_nothing_of_it_stays() {
        let folder = folder();
        let target = folder.path().join("store");
        replace_folder(&target, &[("a".into(), b"1"), ("b/c".into(), b"2")]).unwrap();
        replace_folder(&target, &[("a".into(), b"3")]).unwrap();
        assert_eq!(list(folder.path()).unwrap(), [Path::new("store/a")]);
        assert_eq!(read_text(&target.join("a")).unwrap(), "3");
    }

    #[test]
    fn a_copied_tree_has_the_same_files() {
        let folder = folder();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        write(&from.join("a/b"), b"text").unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(read_text(&to.join("a/b")).unwrap(), "text");
        remove(&to.join("a/b")).unwrap();
        assert!(!exists(&to.join("a/b")));
    }
}
