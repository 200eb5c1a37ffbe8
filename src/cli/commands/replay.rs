//! `replay`: one trial of a run again, for its transcript.

use crate::{
    cli::{
        args::ReplayArgs,
        commands::{
            report::{again, read_run_file},
            runtime,
        },
        exit::Exit,
        speech,
    },
    error::{Error, Result, count},
    formats::transcript::write_session,
};

/// Plays a trial again and prints its transcript.
pub fn replay(args: &ReplayArgs) -> Result<Exit> {
    let file = read_run_file(&args.run)?;
    let runtime = runtime()?;
    let (_, finished) = again(&file, &args.run, &runtime)?;
    let trial = finished.trials.get(args.trial as usize).ok_or_else(|| {
        Error::usage(format!(
            "this run has {}, numbered from 0; there is no trial {}",
            count(finished.trials.len(), "trial"),
            args.trial
        ))
    })?;
    let session = runtime.block_on(finished.bench.recreate(trial))?;
    speech::answer(&write_session(&session));
    Ok(Exit::Done)
}
