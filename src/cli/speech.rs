//! The two voices: stdout is the answer, stderr is talk.

use std::io::{self, IsTerminal as _, Write as _};

use crate::{
    error::{Error, printable},
    secret::strike,
};

/// Prints the answer, without what could command a terminal. A reader that has gone away is no fault of ours.
pub fn answer(text: &str) {
    let text = printable(&strike(text));
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Says something on the side.
pub fn remark(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{}", printable(&strike(text)));
}

/// Prints an error.
pub fn complain(error: &Error) {
    remark(&error.to_string());
}

/// Whether bars may be drawn.
pub fn may_draw() -> bool {
    io::stderr().is_terminal()
}
