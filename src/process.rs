//! The door to other programs: a deadline, an output cap, an own process group, an environment by allow-list.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

use crate::error::{Error, Result};

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
    /// How many bytes of each output are read; a program that writes more is stopped.
    pub most_output: usize,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: Vec<u8>,
}

/// Environment variables a program inherits; everything else, keys above all, stays here.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];

/// Runs a program to its end. Whatever it started goes with it.
///
/// # Errors
/// It cannot be started, passes its deadline, or writes more than it may.
pub async fn run(request: Request<'_>) -> Result<Ended> {
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
        .process_group(0);
    for name in INHERITED {
        if let Some(value) = inherited(name) {
            command.env(name, value);
        }
    }
    let mut child = command.spawn().map_err(|fault| {
        Error::outside(format!("program `{program}` cannot be started"))
            .because(fault)
            .mend("is it installed, executable, and on the PATH?")
    })?;
    let group = child.id();
    let ended = tokio::time::timeout(request.deadline, attend(&mut child, request)).await;
    stop_group(group);
    match ended {
        Ok(ended) => ended,
        Err(_) => Err(Error::outside(format!(
            "program `{program}` did not end within {} seconds",
            request.deadline.as_secs()
        ))
        .mend("give it more seconds, or find out what it waits for")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that hands an environment on"
)]
fn inherited(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

async fn attend(child: &mut Child, request: Request<'_>) -> Result<Ended> {
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut input) = input {
            // A program that does not read its input is free not to.
            let _ = input.write_all(request.input).await;
        }
    };
    let (_, output, errors) = tokio::join!(
        feed,
        read_capped(output, request.most_output),
        read_capped(errors, request.most_output)
    );
    let (output, errors) = (output?, errors?);
    let status = child
        .wait()
        .await
        .map_err(|fault| Error::outside("a program could not be waited for").because(fault))?;
    Ok(Ended {
        code: status.code(),
        output,
        errors,
    })
}

async fn read_capped(stream: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream
            .take(most as u64 + 1)
            .read_to_end(&mut bytes)
            .await
            .map_err(|fault| {
                Error::outside("a program's output could not be read").because(fault)
            })?;
    }
    if bytes.len() > most {
        return Err(Error::outside(format!(
            "a program wrote more than {most} bytes"
        )));
    }
    Ok(bytes)
}

/// Ends every process of a program's own group that is still there.
fn stop_group(group: Option<u32>) {
    let group = group
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // The group is gone already where the program left nothing behind.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
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
}
