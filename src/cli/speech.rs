//! The two voices: stdout is the answer, stderr is talk.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    error::{Error, printable},
    secret::strike,
};

/// Set where an answer could not be written.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Prints the answer, without what could command a terminal. A reader that has gone away is no fault of ours.
pub fn answer(text: &str) {
    let text = printable(&strike(text));
    if let Err(fault) = write(&text)
        && fault.kind() != io::ErrorKind::BrokenPipe
    {
        IS_LOST.store(true, Ordering::Relaxed);
        remark(&format!(
            "error: the answer could not be written\ncause: {fault}"
        ));
    }
}

/// Whether an answer could not be written, although somebody may still wait for it.
pub fn is_lost() -> bool {
    IS_LOST.load(Ordering::Relaxed)
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
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
