//! What programs leave running: ended by group, by a mark in their environment, and by a guard where we are killed.

use std::{
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};

/// Ends every process of a program's own group that is still there.
pub(super) fn stop_group(group: Option<u32>) {
    let group = group
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(group) = group {
        // The group is gone already where the program left nothing behind.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// A word in the environment of a program and of all it starts, by which those that left its group are found.
#[derive(Debug)]
pub(super) struct Mark(String);

/// Sets apart the programs of one process.
static MARKS: AtomicU64 = AtomicU64::new(0);
/// How often those that bear a mark are looked for: one may start another while it is being ended.
const ROUNDS: usize = 10;
/// How often in a row none may be found, and the time between: while one becomes another program it shows no environment
/// at all.
const CLEAR_ROUNDS: usize = 3;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(1);
/// Largest environment looked at, in bytes.
const LARGEST_ENVIRONMENT: u64 = 4 << 20;

impl Mark {
    /// The environment variable.
    pub const NAME: &str = "DREAMEVAL_PROGRAM";

    /// A mark nobody bears yet.
    pub fn new() -> Self {
        let number = MARKS.fetch_add(1, Ordering::Relaxed);
        Self(format!("{}-{number}", std::process::id()))
    }

    /// Its value.
    pub fn value(&self) -> &str {
        &self.0
    }

    /// Ends every process that bears it, where the system has a `/proc` to find them in.
    pub fn stop_all(&self) {
        let line = format!("{}={}", Self::NAME, self.0);
        let mut clear = 0;
        for _ in 0..ROUNDS {
            match stop_bearers(line.as_bytes()) {
                0 => clear += 1,
                _ => clear = 0,
            }
            if clear == CLEAR_ROUNDS {
                return;
            }
            std::thread::sleep(BETWEEN_ROUNDS);
        }
    }
}

/// Ends the processes with this line in their environment, and returns how many there were.
#[cfg(target_os = "linux")]
fn stop_bearers(line: &[u8]) -> usize {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let mut stopped = 0;
    for name in crate::files::names(Path::new("/proc")) {
        let Some(pid) = name.parse().ok().and_then(Pid::from_raw) else {
            continue;
        };
        let path = Path::new("/proc").join(&name).join("environ");
        let bears = || {
            crate::files::read_bytes(&path, LARGEST_ENVIRONMENT)
                .is_ok_and(|it| it.split(|byte| *byte == 0).any(|it| it == line))
        };
        if !bears() {
            continue;
        }
        // The process is held before it is looked at again, so that no other that got its number is ended.
        if let Ok(held) = pidfd_open(pid, PidfdFlags::empty())
            && bears()
            && pidfd_send_signal(held, Signal::KILL).is_ok()
        {
            stopped += 1;
        }
    }
    stopped
}

#[cfg(not(target_os = "linux"))]
fn stop_bearers(_: &[u8]) -> usize {
    0
}

/// A shell that leads the group of a program, and ends it where we end. It is there before the program is, so that no
/// instant is unguarded.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    /// Closed where we end, however we end: the shell reads no word then.
    _line: Option<ChildStdin>,
}

impl Guard {
    /// A guard that waits for its program; `None` where no shell can be started.
    pub fn ready() -> Option<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "read -r word || kill -s KILL -- \"-$$\"", "guard"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()?;
        let line = shell.stdin.take();
        Some(Self { shell, _line: line })
    }

    /// The group it leads.
    pub fn group(&self) -> Option<u32> {
        self.shell.id()
    }

    /// Waits for the guard to be gone, once its group was ended.
    pub async fn gone(mut self) {
        let _ = self.shell.wait().await;
    }
}
