//! A program that is spoken with line by line while it runs, and that ends with whoever speaks with it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    error::{Error, Result},
    process::{
        ERRORS_KEPT, GRACE, Request, last_words,
        leftovers::{self, Guard, Mark},
        start,
    },
    secret::strike_bytes,
};

/// A running program and the pipes to it.
#[derive(Debug)]
pub struct Companion {
    child: Child,
    group: Option<u32>,
    mark: Mark,
    guard: Option<Guard>,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// A line that has begun and not ended.
    begun: Vec<u8>,
    errors: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

/// What came of listening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end; what fits no character is `�`.
    Said(String),
    /// The time was over first.
    Silence,
    /// The program has ended, or closed its output.
    Gone,
    /// A line is longer than it may be.
    TooLong,
}

impl Companion {
    /// Starts a program in a folder; it is given the variables of `pass` beside the few every program gets.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(run: &[String], folder: &Path, pass: &[String]) -> Result<Self> {
        let mark = Mark::new();
        let guard = Guard::ready();
        let led = guard.as_ref().and_then(Guard::group);
        let request = Request {
            run,
            folder,
            input: b"",
            deadline: Duration::ZERO,
            most_output: 0,
            pass,
        };
        let mut child = start(request, &mark, led)?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::bug("a program was started without its pipes"));
        };
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        Ok(Self {
            group: led.or(child.id()),
            input: child.stdin.take(),
            output: BufReader::new(output),
            begun: Vec::new(),
            listener: tokio::spawn(listen(errors, Arc::clone(&heard))),
            errors: heard,
            child,
            mark,
            guard,
        })
    }

    /// Says a line; a program that no longer reads is found out by listening.
    pub async fn say(&mut self, line: &str, deadline: Instant) {
        if let Some(input) = &mut self.input {
            let said = async {
                input.write_all(line.as_bytes()).await?;
                input.write_all(b"\n").await?;
                input.flush().await
            };
            // Half a line must not be followed by another.
            if !matches!(timeout_at(deadline, said).await, Ok(Ok(()))) {
                self.input = None;
            }
        }
    }

    /// The next line of at most so many bytes, if it comes in time.
    pub async fn hear(&mut self, most: usize, deadline: Instant) -> Line {
        let room = most.saturating_sub(self.begun.len()) as u64 + 1;
        let heard = {
            let mut limited = (&mut self.output).take(room);
            timeout_at(deadline, limited.read_until(b'\n', &mut self.begun)).await
        };
        match heard {
            // What has come of a line so far is kept for the next time.
            Err(_) => Line::Silence,
            Ok(Err(_)) => Line::Gone,
            Ok(Ok(_)) if self.begun.ends_with(b"\n") => {
                let mut line = std::mem::take(&mut self.begun);
                line.pop();
                let line = strike_bytes(line);
                Line::Said(String::from_utf8_lossy(&line).into_owned())
            }
            Ok(Ok(_)) if most < self.begun.len() => Line::TooLong,
            Ok(Ok(_)) => Line::Gone,
        }
    }

    /// Its last words on standard error, on one line.
    pub async fn last_words(&mut self) -> String {
        // What it said last may still lie in its pipe.
        let _ = timeout(GRACE, &mut self.listener).await;
        let errors = self
            .errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        last_words(&strike_bytes(errors))
    }

    /// Ends it, and whatever it started.
    pub async fn stop(mut self) {
        // One that minds its input ends by itself.
        self.input = None;
        let _ = timeout(GRACE / 4, self.child.wait()).await;
        self.end();
        let _ = timeout(GRACE, self.child.wait()).await;
        if let Some(guard) = self.guard.take() {
            guard.gone().await;
        }
    }

    fn end(&mut self) {
        leftovers::stop_group(self.group.take());
        self.mark.stop_all();
        self.listener.abort();
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if self.group.is_some() {
            self.end();
        }
    }
}

/// Keeps the end of what a program says on standard error.
async fn listen(mut errors: ChildStderr, heard: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = vec![0; 8192];
    while let Ok(length @ 1..) = errors.read(&mut chunk).await {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(&chunk[..length]);
        let surplus = heard.len().saturating_sub(ERRORS_KEPT);
        heard.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Companion {
        let run = ["sh", "-c", script].map(str::to_owned);
        Companion::start(&run, Path::new("/"), &[]).unwrap()
    }

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn lines_go_in_and_come_out_until_it_ends() {
        let mut it =
            shell("read -r a; echo \"<$a>\"; printf half; sleep 0.3; echo -line; echo why >&2");
        it.say("hello", soon(5000)).await;
        assert_eq!(
            it.hear(100, soon(5000)).await,
            Line::Said("<hello>".to_owned())
        );
        assert_eq!(it.hear(100, soon(50)).await, Line::Silence);
        assert_eq!(
            it.hear(100, soon(5000)).await,
            Line::Said("half-line".to_owned())
        );
        assert_eq!(it.hear(100, soon(5000)).await, Line::Gone);
        assert_eq!(it.last_words().await, "why");
        it.stop().await;
    }

    #[tokio::test]
    async fn a_line_has_a_longest_length() {
        let mut it = shell("yes | tr -d '\\n'");
        assert_eq!(it.hear(1000, soon(5000)).await, Line::TooLong);
        it.stop().await;
    }

    #[tokio::test]
    async fn what_it_started_ends_with_it_also_where_it_is_dropped() {
        for is_dropped in [false, true] {
            let mut it = shell("setsid sleep 73.5 & sleep 73.5 & echo up; sleep 73.5");
            assert_eq!(it.hear(100, soon(5000)).await, Line::Said("up".to_owned()));
            match is_dropped {
                true => drop(it),
                false => it.stop().await,
            }
            let mut left = shell("sleep 0.2; ps -eo args | grep -c '^sleep 73[.]5'");
            assert_eq!(left.hear(100, soon(5000)).await, Line::Said("0".to_owned()));
        }
    }
}
