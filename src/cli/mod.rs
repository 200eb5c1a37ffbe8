//! The front door: the only place that prints, reads keys, and knows the date.

pub mod args;
mod commands;
mod exit;
mod progress;
mod speech;

pub use exit::Exit;

use std::process::ExitCode;

use crate::process;

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    process::keep_to_itself();
    commands::know_keys();
    let command = match args::parse() {
        Ok(command) => command,
        Err(exit) => return exit.into(),
    };
    match commands::run(command) {
        Ok(_) if speech::is_lost() => Exit::Outside.into(),
        Ok(exit) => exit.into(),
        Err(error) => {
            speech::complain(&error);
            Exit::of(&error).into()
        }
    }
}
