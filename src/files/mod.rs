//! The door to the disk: no file outside this folder names `std::fs`. What the bytes mean is not known here.

mod appender;
mod confined;
mod locking;
mod reading;
mod streaming;
mod temporary;
mod writing;

pub use appender::{Appender, truncate};
pub use confined::{Barred, Bounds, Confined, Item, ItemKind};
pub use locking::Lock;
pub use reading::{
    DEPTH_AT_MOST, FILES_AT_MOST, TEXT_AT_MOST, exists, length, lies_below, list, names, position,
    read_bytes, read_text, text_of,
};
pub use streaming::{Pieces, Sink, Stream};
pub use temporary::TemporaryFolder;
pub use writing::{
    copy_tree, create_folder, create_numbered_folder, remove, replace_folder, write, write_folder,
    write_pieces,
};

use std::io;
use std::path::Path;

use crate::error::Error;

fn cannot_read(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::input("there is no such file or folder")
            .in_file(path)
            .mend("check the path; relative paths start at the working directory"),
        io::ErrorKind::IsADirectory => Error::input("this is a folder, and a file is needed here")
            .in_file(path)
            .mend("name a file in it"),
        io::ErrorKind::NotADirectory => Error::input("this is a file, and a folder is needed here")
            .in_file(path)
            .mend("name its folder"),
        _ => outside("this cannot be read", path, error),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    outside("this cannot be written", path, error)
}

fn outside(what: &str, path: &Path, error: &io::Error) -> Error {
    let mend = match error.kind() {
        io::ErrorKind::PermissionDenied => "ask for the right to it, or name another path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on this disk",
        io::ErrorKind::ReadOnlyFilesystem => "name a folder on a disk that can be written",
        io::ErrorKind::NotADirectory => "a part of the path is a file; name another path",
        _ => "check the disk and the path, then try again",
    };
    Error::outside(what).in_file(path).because(error).mend(mend)
}
