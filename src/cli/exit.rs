//! Exit codes, each with one meaning.

use std::process::ExitCode;

use crate::error::{Error, ErrorKind};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// The ruler is broken, or a gate failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A gate had not enough evidence either way.
    Inconclusive,
    /// A file someone wrote is not acceptable.
    Input,
    /// Disk, network or another program let us down.
    Outside,
    /// Hashes disagree.
    Integrity,
    /// A bug of ours.
    Bug,
    /// Interrupted; the journal is whole and `--resume` continues.
    Interrupted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::Input => 4,
            Exit::Outside => 5,
            Exit::Integrity => 6,
            Exit::Bug => 70,
            Exit::Interrupted => 130,
        }
    }

    /// The end a ledger tells of; a bug for a number that is none.
    pub fn from_code(code: u8) -> Self {
        let all = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Inconclusive,
            Exit::Input,
            Exit::Outside,
            Exit::Integrity,
            Exit::Interrupted,
        ];
        all.into_iter()
            .find(|it| it.code() == code)
            .unwrap_or(Exit::Bug)
    }

    /// The end an error asks for.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Input => Exit::Input,
            ErrorKind::Outside => Exit::Outside,
            ErrorKind::Integrity => Exit::Integrity,
            ErrorKind::Bug => Exit::Bug,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
