//! A folder nobody gets out of: paths are walked part by part and no link is followed, whoever changes them meanwhile.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, unlinkat};

/// An open folder, and the only way into it.
#[derive(Debug)]
pub struct Confined {
    root: OwnedFd,
}

/// Something that stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Below the root; what fits no character is shown as `�`.
    pub path: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A file, with its bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link, which is never followed.
    Link,
    /// A pipe, a socket or a device.
    Special,
}

/// How much of a folder is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Levels, from 1.
    pub depth: usize,
    /// Items.
    pub most: usize,
    /// Names of folders that are told and not gone into.
    pub closed: &'static [&'static str],
}

/// Why something in the folder cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barred {
    /// The path leads out of the folder, or could.
    Outside,
    /// A part of it is a symbolic link.
    Link,
    /// There is nothing.
    Missing,
    /// It is a folder, and a file is needed.
    Folder,
    /// It is a file, and a folder is needed.
    File,
    /// It is neither a file nor a folder.
    Special,
    /// It has more bytes than are read.
    TooLarge,
    /// The system's own reason.
    System(String),
}

impl From<io::Error> for Barred {
    fn from(fault: io::Error) -> Self {
        match fault.kind() {
            io::ErrorKind::NotFound => Barred::Missing,
            io::ErrorKind::IsADirectory => Barred::Folder,
            io::ErrorKind::NotADirectory => Barred::File,
            _ => Barred::System(fault.kind().to_string()),
        }
    }
}

impl From<rustix::io::Errno> for Barred {
    fn from(fault: rustix::io::Errno) -> Self {
        match fault {
            rustix::io::Errno::LOOP => Barred::Link,
            other => io::Error::from(other).into(),
        }
    }
}

type Held<T> = Result<T, Barred>;

/// How a folder on the way is opened. A link in its place is an error of its own, told apart below.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Without waiting: a pipe would keep whoever opens it for ever.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
const NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// What a file is written to before it takes its place.
const STAGED: &str = ".dreameval-partial";

impl Confined {
    /// Opens a folder.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(folder: &Path) -> Held<Self> {
        let root = File::open(folder)?;
        if !root.metadata()?.is_dir() {
            return Err(Barred::File);
        }
        Ok(Self { root: root.into() })
    }

    /// What stands at a path.
    ///
    /// # Errors
    /// Nothing, or the path leads out.
    pub fn kind(&self, path: &Path) -> Held<ItemKind> {
        match parts(path)?.split_last() {
            None => Ok(ItemKind::Folder),
            Some((name, above)) => kind_of(&self.walk(above, false)?, name),
        }
    }

    /// The bytes of a file, refused where there are more than `at_most`.
    ///
    /// # Errors
    /// See [`Barred`].
    pub fn read(&self, path: &Path, at_most: u64) -> Held<Vec<u8>> {
        let parts = parts(path)?;
        let (name, above) = parts.split_last().ok_or(Barred::Folder)?;
        let file = File::from(openat(
            &self.walk(above, false)?,
            *name,
            READ,
            Mode::empty(),
        )?);
        let about = file.metadata()?;
        match about.file_type() {
            it if it.is_dir() => return Err(Barred::Folder),
            it if !it.is_file() => return Err(Barred::Special),
            _ if at_most < about.len() => return Err(Barred::TooLarge),
            _ => {}
        }
        let mut bytes = Vec::new();
        file.take(at_most + 1).read_to_end(&mut bytes)?;
        match at_most < bytes.len() as u64 {
            true => Err(Barred::TooLarge),
            false => Ok(bytes),
        }
    }

    /// Writes a file whole, with the folders above it. One that is there already keeps its mode.
    ///
    /// # Errors
    /// See [`Barred`].
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Held<()> {
        let parts = parts(path)?;
        let (name, above) = parts.split_last().ok_or(Barred::Folder)?;
        let folder = self.walk(above, true)?;
        let mode = match kind_of(&folder, name) {
            Ok(ItemKind::File(_)) => {
                let old = File::from(openat(&folder, *name, READ, Mode::empty())?);
                Some(old.metadata()?.permissions())
            }
            Ok(ItemKind::Folder) => return Err(Barred::Folder),
            Ok(ItemKind::Link) => return Err(Barred::Link),
            Ok(ItemKind::Special) => return Err(Barred::Special),
            Err(Barred::Missing) => None,
            Err(other) => return Err(other),
        };
        let _ = unlinkat(&folder, STAGED, AtFlags::empty());
        let mut staged = File::from(openat(&folder, STAGED, NEW, Mode::from_raw_mode(0o644))?);
        let written = staged
            .write_all(bytes)
            .and_then(|()| mode.map_or(Ok(()), |it| staged.set_permissions(it)));
        if let Err(fault) = written {
            let _ = unlinkat(&folder, STAGED, AtFlags::empty());
            return Err(fault.into());
        }
        renameat(&folder, STAGED, &folder, *name).map_err(Barred::from)
    }

    /// Removes a file; one that is gone is fine.
    ///
    /// # Errors
    /// See [`Barred`].
    pub fn remove(&self, path: &Path) -> Held<()> {
        let parts = parts(path)?;
        let (name, above) = parts.split_last().ok_or(Barred::Folder)?;
        let removed = self
            .walk(above, false)
            .and_then(|it| Ok(unlinkat(&it, *name, AtFlags::empty())?));
        match removed {
            Err(Barred::Missing) => Ok(()),
            other => other,
        }
    }

    /// What stands below a folder, within these bounds and sorted by path; and whether there was more. What cannot be
    /// opened is passed over.
    ///
    /// # Errors
    /// The path names no folder, or leads out.
    pub fn list(&self, path: &Path, bounds: Bounds) -> Held<(Vec<Item>, bool)> {
        let start = self.walk(&parts(path)?, false)?;
        let mut found = Vec::new();
        let prefix: PathBuf = parts(path)?.iter().collect();
        let is_more = gather(start, &prefix, bounds, &mut found)?;
        found.sort_by(|one: &Item, other| one.path.cmp(&other.path));
        Ok((found, is_more))
    }

    /// The folder these parts lead to.
    fn walk(&self, parts: &[&OsStr], makes: bool) -> Held<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        for part in parts {
            if makes {
                match mkdirat(&folder, *part, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
            folder = match openat(&folder, *part, FOLDER, Mode::empty()) {
                Ok(next) => next,
                // A link to a folder and a file both say that this is no folder.
                Err(fault) => {
                    return Err(match kind_of(&folder, part) {
                        Ok(ItemKind::Link) => Barred::Link,
                        _ => fault.into(),
                    });
                }
            };
        }
        Ok(folder)
    }
}

/// Adds what stands in a folder; tells whether something was left out.
fn gather(folder: OwnedFd, prefix: &Path, bounds: Bounds, found: &mut Vec<Item>) -> Held<bool> {
    let mut names: Vec<std::ffi::OsString> = Vec::new();
    let mut is_more = false;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        // A folder may hold millions; no more of them are looked at than could ever be told.
        if 100 * bounds.most < names.len() {
            is_more = true;
            break;
        }
        names.push(OsStr::from_bytes(name).to_owned());
    }
    names.sort();
    for name in names {
        if found.len() == bounds.most {
            return Ok(true);
        }
        let Ok(kind) = kind_of(&folder, &name) else {
            continue;
        };
        let path = prefix.join(&name);
        found.push(Item {
            path: path.to_string_lossy().into_owned(),
            kind,
        });
        let is_closed = bounds.closed.iter().any(|it| OsStr::new(it) == name);
        let Some(deeper) = bounds.depth.checked_sub(1).filter(|it| 0 < *it) else {
            continue;
        };
        if kind == ItemKind::Folder
            && !is_closed
            && let Ok(inner) = openat(&folder, &*name, FOLDER, Mode::empty())
        {
            let bounds = Bounds {
                depth: deeper,
                ..bounds
            };
            is_more |= gather(inner, &path, bounds, found)?;
        }
    }
    Ok(is_more)
}

fn kind_of(folder: &OwnedFd, name: &OsStr) -> Held<ItemKind> {
    let about = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(match FileType::from_raw_mode(about.st_mode) {
        FileType::RegularFile => ItemKind::File(u64::try_from(about.st_size).unwrap_or(0)),
        FileType::Directory => ItemKind::Folder,
        FileType::Symlink => ItemKind::Link,
        _ => ItemKind::Special,
    })
}

/// The names a path is made of; none of them leads up or away.
fn parts(path: &Path) -> Held<Vec<&OsStr>> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Barred::Outside);
            }
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TemporaryFolder;
    use std::os::unix::fs::symlink;

    fn bounds(depth: usize, most: usize) -> Bounds {
        Bounds {
            depth,
            most,
            closed: &["objects"],
        }
    }

    #[test]
    fn a_closed_folder_is_told_and_takes_no_room_of_a_listing() {
        let folder = TemporaryFolder::create("confined").unwrap();
        let room = Confined::open(folder.path()).unwrap();
        for number in 0..50 {
            let path = format!("objects/{number}");
            room.write(Path::new(&path), b"x").unwrap();
        }
        room.write(Path::new("zoo/a.txt"), b"x").unwrap();
        let (items, is_more) = room.list(Path::new(""), bounds(3, 4)).unwrap();
        let paths: Vec<&str> = items.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(
            (paths, is_more),
            (vec!["objects", "zoo", "zoo/a.txt"], false)
        );
    }

    #[test]
    fn no_path_and_no_link_leads_out_of_the_folder() {
        let outer = TemporaryFolder::create("confined").unwrap();
        let inner = outer.path().join("in");
        std::fs::create_dir_all(inner.join("deep")).unwrap();
        std::fs::write(outer.path().join("secret"), "no").unwrap();
        symlink("../secret", inner.join("link")).unwrap();
        symlink("..", inner.join("up")).unwrap();
        let room = Confined::open(&inner).unwrap();
        let read = |path: &str| room.read(Path::new(path), 100);
        let write = |path: &str| room.write(Path::new(path), b"x");
        for path in ["../secret", "deep/../../secret", "/etc/passwd"] {
            assert_eq!(read(path), Err(Barred::Outside), "{path}");
            assert_eq!(write(path), Err(Barred::Outside), "{path}");
        }
        assert_eq!(read("link"), Err(Barred::Link));
        assert_eq!(write("link"), Err(Barred::Link));
        assert_eq!(read("up/secret"), Err(Barred::Link));
        assert_eq!(write("up/new"), Err(Barred::Link));
        assert_eq!(
            room.list(Path::new("up"), bounds(1, 9)).unwrap_err(),
            Barred::Link
        );
        assert_eq!(std::fs::read(outer.path().join("secret")).unwrap(), b"no");
        assert!(!outer.path().join("new").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_keeps_nobody_waiting_and_sizes_are_bounded() {
        let folder = TemporaryFolder::create("confined").unwrap();
        let pipe = folder.path().join("pipe");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        let room = Confined::open(folder.path()).unwrap();
        assert_eq!(room.read(Path::new("pipe"), 9), Err(Barred::Special));
        room.write(Path::new("a/b.txt"), b"four").unwrap();
        assert_eq!(room.read(Path::new("a/b.txt"), 4).unwrap(), b"four");
        assert_eq!(room.read(Path::new("a/b.txt"), 3), Err(Barred::TooLarge));
        assert_eq!(room.read(Path::new("a"), 3), Err(Barred::Folder));
        let (items, is_more) = room.list(Path::new("."), bounds(2, 9)).unwrap();
        let item = |path: &str, kind| Item {
            path: path.to_owned(),
            kind,
        };
        assert_eq!(
            (items, is_more),
            (
                vec![
                    item("a", ItemKind::Folder),
                    item("a/b.txt", ItemKind::File(4)),
                    item("pipe", ItemKind::Special)
                ],
                false
            )
        );
        assert!(room.list(Path::new(""), bounds(2, 1)).unwrap().1);
    }

    #[test]
    fn a_file_that_is_written_again_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = TemporaryFolder::create("confined").unwrap();
        let file = folder.path().join("run.sh");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let room = Confined::open(folder.path()).unwrap();
        room.write(Path::new("run.sh"), b"new").unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (std::fs::read(&file).unwrap(), mode),
            (b"new".to_vec(), 0o755)
        );
        room.remove(Path::new("run.sh")).unwrap();
        room.remove(Path::new("run.sh")).unwrap();
        assert!(!file.exists());
    }
}
