//! `replay`: one trial of a run again, for its transcript; one that was kept is not played again.

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
    runner::transcripts,
};

/// Prints a trial's transcript, played again where none was kept.
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
    let record = &finished.records[args.trial as usize];
    let library = transcripts::library_of(&args.run);
    let told = finished.bench.told(trial, record, library.as_ref());
    let session = runtime.block_on(told)?;
    speech::answer(&write_session(&session));
    Ok(Exit::Done)
}
