//! The door to other programs: a deadline, an output cap, an own process group, an environment by allow-list.

mod companion;
mod leftovers;
mod program;
mod sandbox;

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    error::{Error, Result, printable},
    process::leftovers::{Guard, Mark},
    secret::{Secret, strike_bytes},
};

pub use companion::{Companion, Line};
pub use program::{PREFIX, Program};
pub use sandbox::Sandbox;

/// What to run, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The program and its arguments.
    pub run: &'a [String],
    /// Where it runs.
    pub folder: &'a Path,
    /// What it reads on standard input.
    pub input: &'a [u8],
    /// How long it may take.
    pub deadline: Duration,
    /// How many bytes of standard output are read; a program that writes more is stopped.
    pub most_output: usize,
    /// Names of environment variables it is given beside [`INHERITED`].
    pub pass: &'a [String],
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: Vec<u8>,
    /// The end of its standard error.
    pub errors: Vec<u8>,
}

/// What was heard of a program, however it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// How it ended.
    pub end: End,
    /// Its standard output so far.
    pub output: Vec<u8>,
    /// The end of its standard error so far.
    pub errors: Vec<u8>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// The ways a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It ended by itself with this exit code.
    Code(i32),
    /// A signal ended it.
    Signal,
    /// It was stopped at its deadline.
    Overdue,
    /// It was stopped because it wrote too much.
    Flooded,
}

/// Environment variables a program inherits; everything else, keys above all, stays here.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];
/// Bytes of standard error that are kept, from its end.
const ERRORS_KEPT: usize = 64 << 10;
/// How long the pipes of a program that is over are still read.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a program to its end. Whatever it started goes with it.
///
/// # Errors
/// It cannot be started, passes its deadline, or writes more than it may.
pub async fn run(request: Request<'_>) -> Result<Ended> {
    let heard = watch(request).await?;
    let program = request.run.first().map_or("", String::as_str);
    let code = match heard.end {
        End::Code(code) => Some(code),
        End::Signal => None,
        End::Overdue => {
            return Err(Error::outside(format!(
                "program `{program}` did not end within {} seconds",
                request.deadline.as_secs()
            ))
            .mend("give it more seconds, or find out what it waits for"));
        }
        End::Flooded => {
            return Err(Error::outside(format!(
                "a program wrote more than {} bytes",
                request.most_output
            )));
        }
    };
    Ok(Ended {
        code,
        output: heard.output,
        errors: heard.errors,
    })
}

/// Runs a program until it ends or is stopped at a bound, which is no error. Whatever it started goes with it, even
/// what left its process group, and also where we are killed ourselves. Secrets are struck out of what it said, and the
/// values of passed variables are such.
///
/// # Errors
/// It cannot be started or waited for.
pub async fn watch(request: Request<'_>) -> Result<Heard> {
    let mark = Mark::new();
    let began = Instant::now();
    let guard = Guard::ready();
    let led = guard.as_ref().and_then(Guard::group);
    let mut child = start(request, &mark, led)?;
    let group = led.or(child.id());
    let mut heard = Heard {
        end: End::Signal,
        output: Vec::new(),
        errors: Vec::new(),
        seconds: 0.0,
    };
    let outcome = attend((&mut child, group), request, &mark, &mut heard).await;
    if let Some(guard) = guard {
        guard.gone().await;
    }
    heard.seconds = began.elapsed().as_secs_f64();
    heard.output = strike_bytes(heard.output);
    heard.errors = strike_bytes(heard.errors);
    heard.end = outcome?;
    Ok(heard)
}

/// Starts the program in the group of its guard, or in one of its own.
fn start(request: Request<'_>, mark: &Mark, led: Option<u32>) -> Result<Child> {
    let Some((program, arguments)) = request.run.split_first() else {
        return Err(Error::input("there is no program to run"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(request.folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(led.and_then(|it| i32::try_from(it).ok()).unwrap_or(0));
    let passed = request.pass.iter().map(String::as_str);
    for name in passed {
        if let Some(value) = inherited(name) {
            if let Some(text) = value.to_str() {
                Secret::of_variable(name, text);
            }
            command.env(name, value);
        }
    }
    for name in INHERITED {
        if let Some(value) = inherited(name) {
            command.env(name, value);
        }
    }
    command.env(Mark::NAME, mark.value());
    command.spawn().map_err(|fault| {
        Error::outside(format!("program `{program}` cannot be started"))
            .because(fault)
            .mend("is it installed, executable, and on the PATH?")
    })
}

/// Lets no other program of the same user read this one's memory and environment, where keys stand, and leaves no core
/// dump of it, nor of the programs it starts, where it fails.
pub fn keep_to_itself() {
    // Where a system does not have it, what comes from programs is still searched for keys.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let none = rustix::process::Rlimit {
        current: Some(0),
        ..rustix::process::getrlimit(rustix::process::Resource::Core)
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

/// Whether an environment variable is set here.
pub fn is_set(name: &str) -> bool {
    inherited(name).is_some()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that hands an environment on"
)]
fn inherited(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Follows a program to its end, then ends all it started and reads what still lies in its pipes.
async fn attend(
    (child, group): (&mut Child, Option<u32>),
    request: Request<'_>,
    mark: &Mark,
    heard: &mut Heard,
) -> Result<End> {
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut input) = input {
            // A program that does not read its input is free not to.
            let _ = input.write_all(request.input).await;
        }
        Ok::<(), Flood>(())
    };
    let talk = async {
        tokio::try_join!(
            feed,
            read_capped(output, &mut heard.output, request.most_output),
            read_end(errors, &mut heard.errors)
        )
        .is_err()
    };
    tokio::pin!(talk);
    let deadline = Instant::now() + request.deadline;
    let mut is_silent = false;
    let end = loop {
        tokio::select! {
            biased;
            is_flood = &mut talk, if !is_silent => match is_flood {
                true => break Ok(End::Flooded),
                false => is_silent = true,
            },
            status = child.wait() => break status.map(|it| it.code().map_or(End::Signal, End::Code)),
            () = sleep_until(deadline) => break Ok(End::Overdue),
        }
    };
    leftovers::stop_group(group);
    mark.stop_all();
    let end =
        end.map_err(|fault| Error::outside("a program could not be waited for").because(fault))?;
    let _ = timeout(GRACE, child.wait()).await;
    let is_over = is_silent || end == End::Flooded;
    match is_over {
        false if timeout(GRACE, &mut talk).await == Ok(true) => Ok(End::Flooded),
        _ => Ok(end),
    }
}

/// A program wrote more than it may.
struct Flood;

/// Reads to the end, or to more than `most` bytes.
async fn read_capped(
    stream: Option<impl AsyncRead + Unpin>,
    bytes: &mut Vec<u8>,
    most: usize,
) -> std::result::Result<(), Flood> {
    if let Some(stream) = stream {
        // A pipe that cannot be read is one that ended.
        let _ = stream.take(most as u64 + 1).read_to_end(bytes).await;
    }
    match most < bytes.len() {
        true => {
            bytes.truncate(most);
            Err(Flood)
        }
        false => Ok(()),
    }
}

/// Reads to the end and keeps the last bytes.
async fn read_end(
    stream: Option<impl AsyncRead + Unpin>,
    bytes: &mut Vec<u8>,
) -> std::result::Result<(), Flood> {
    if let Some(mut stream) = stream {
        while let Ok(1..) = stream.read_buf(bytes).await {
            if 2 * ERRORS_KEPT < bytes.len() {
                bytes.drain(..bytes.len() - ERRORS_KEPT);
            }
        }
    }
    bytes.drain(..bytes.len().saturating_sub(ERRORS_KEPT));
    Ok(())
}

/// Lines and characters of standard error that are told in a fault.
const LINES_TOLD: usize = 3;
const CHARACTERS_TOLD: usize = 300;

/// The last lines a program wrote on standard error, on one line and with control characters made visible; empty where
/// it wrote none.
pub fn last_words(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let mut lines: Vec<&str> = text
        .lines()
        .rev()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .take(LINES_TOLD)
        .collect();
    lines.reverse();
    let told = printable(&lines.join(" | "));
    let skipped = told.chars().count().saturating_sub(CHARACTERS_TOLD);
    match skipped {
        0 => told,
        _ => format!("…{}", told.chars().skip(skipped).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(run: &'a [String], folder: &'a Path) -> Request<'a> {
        Request {
            run,
            folder,
            input: b"hello",
            deadline: Duration::from_secs(5),
            most_output: 1000,
            pass: &[],
        }
    }

    fn shell(script: &str) -> Vec<String> {
        vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]
    }

    #[tokio::test]
    async fn input_goes_in_and_output_and_code_come_out() {
        let run_it = shell("cat; echo oops >&2; exit 3");
        let ended = run(request(&run_it, Path::new("/"))).await.unwrap();
        assert_eq!(
            ended,
            Ended {
                code: Some(3),
                output: b"hello".to_vec(),
                errors: b"oops\n".to_vec()
            }
        );
    }

    #[tokio::test]
    async fn a_program_past_its_deadline_is_stopped_with_all_it_started() {
        let run_it = shell("sleep 60 & sleep 60");
        let short = Request {
            deadline: Duration::from_millis(200),
            ..request(&run_it, Path::new("/"))
        };
        let error = run(short).await.unwrap_err();
        assert_eq!(error.what(), "program `sh` did not end within 0 seconds");
    }

    #[tokio::test]
    async fn a_program_that_floods_is_stopped() {
        let run_it = shell("yes");
        let error = run(request(&run_it, Path::new("/"))).await.unwrap_err();
        assert_eq!(error.what(), "a program wrote more than 1000 bytes");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let run_it = vec!["no-such-program".to_owned()];
        let error = run(request(&run_it, Path::new("/"))).await.unwrap_err();
        assert_eq!(error.what(), "program `no-such-program` cannot be started");
    }

    #[tokio::test]
    async fn a_bound_that_is_reached_leaves_what_was_said_before() {
        let run_it = shell("echo early; echo why >&2; sleep 60");
        let short = Request {
            deadline: Duration::from_millis(300),
            ..request(&run_it, Path::new("/"))
        };
        let heard = watch(short).await.unwrap();
        assert_eq!(
            (heard.end, heard.output, heard.errors),
            (End::Overdue, b"early\n".to_vec(), b"why\n".to_vec())
        );
    }

    #[tokio::test]
    async fn a_child_that_holds_the_pipes_or_left_the_group_goes_when_its_program_ends() {
        let began = std::time::Instant::now();
        let run_it = shell("setsid sleep 61.25 & sleep 61.25 & echo done");
        let heard = watch(request(&run_it, Path::new("/"))).await.unwrap();
        assert_eq!(
            (heard.end, heard.output),
            (End::Code(0), b"done\n".to_vec())
        );
        assert!(began.elapsed() < Duration::from_secs(3));
        let left = shell("ps -eo args | grep -c '^sleep 61[.]25'");
        assert_eq!(
            run(request(&left, Path::new("/"))).await.unwrap().output,
            b"0\n"
        );
    }

    #[tokio::test]
    async fn only_named_variables_reach_a_program_and_their_values_are_struck_out() {
        // Cargo sets this one for every test, and it is long enough to be taken for a secret.
        let name = "CARGO_PKG_DESCRIPTION".to_owned();
        let run_it = shell(
            r#"printf '<%s>\n{"input": "{\\"of\\": \\"%s\\"}"}' "$CARGO_PKG_DESCRIPTION" "$(printf %s "$CARGO_PKG_DESCRIPTION" | sed 's/M/\\\\u004d/')""#,
        );
        let none = request(&run_it, Path::new("/"));
        let said = |ended: Ended| String::from_utf8(ended.output).unwrap();
        assert_eq!(
            said(run(none).await.unwrap()),
            "<>\n{\"input\": \"{\\\"of\\\": \\\"\\\"}\"}"
        );
        let named = Request {
            pass: &[name],
            ..none
        };
        assert_eq!(
            said(run(named).await.unwrap()),
            "<[CARGO_PKG_DESCRIPTION]>\n{\"input\": \"{\\\"of\\\": \\\"[CARGO_PKG_DESCRIPTION]\\\"}\"}"
        );
    }

    #[test]
    fn last_words_are_few_and_printable() {
        assert_eq!(
            last_words(b"one\ntwo\n\nthree\x1b[0m\nfour\xff\n"),
            "two | three\u{fffd}[0m | four\u{fffd}"
        );
        assert_eq!(last_words("x".repeat(1000).as_bytes()).chars().count(), 301);
        assert_eq!(last_words(b" \n"), "");
    }
}
