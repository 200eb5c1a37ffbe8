//! `report`: a finished run rendered again from its journal.

use std::{path::Path, sync::Arc};

use tokio::runtime::Runtime;

use crate::{
    cli::{
        args::ReportArgs,
        commands::{
            given,
            pages::{self, Wants},
            runtime, settle,
        },
        exit::Exit,
    },
    domain::halt::{Halt, Why},
    error::{Error, Result},
    files,
    runner::Pace,
    study::{
        self, Finished,
        asked::{Asked, RunFile},
    },
};

/// Draws the conclusions of a run again and writes its pages.
pub fn report(args: &ReportArgs) -> Result<Exit> {
    let file = read_run_file(&args.run)?;
    let policy = settle::policy(args.policy.as_deref())?;
    let runtime = runtime()?;
    let (asked, finished) = again_with(&file, &args.run, &runtime, args.calibration.as_deref())?;
    let wants = Wants {
        csv: args.csv,
        ..Wants::default()
    };
    let told = runtime.block_on(pages::conclude(
        &asked, &finished, &policy, &args.run, &wants,
    ))?;
    pages::tell(&told.conclusion, &args.run, &args.voice);
    Ok(Exit::Done)
}

/// Reads `run.json` of a run's folder.
///
/// # Errors
/// There is none, or it is not one.
pub fn read_run_file(folder: &Path) -> Result<RunFile> {
    let path = folder.join("run.json");
    if !files::exists(&path) {
        return Err(Error::input("this folder holds no run")
            .in_file(folder)
            .mend("name a folder that `dreameval run` wrote"));
    }
    RunFile::parse(&files::read_text(&path)?, &path)
}

/// A finished run as [`again`], its judge held against another calibration where one is named.
///
/// # Errors
/// As [`again`], and the calibration is none.
pub fn again_with(
    file: &RunFile,
    folder: &Path,
    runtime: &Runtime,
    calibration: Option<&Path>,
) -> Result<(Asked, Finished)> {
    let named = calibration.map(settle::calibration).transpose()?;
    let (mut asked, finished) = again(file, folder, runtime)?;
    asked.calibration = named.or(asked.calibration);
    Ok((asked, finished))
}

/// A finished run, taken from its journal; nothing is played.
///
/// # Errors
/// Anything it was made from has changed, or it is not finished.
pub fn again(file: &RunFile, folder: &Path, runtime: &Runtime) -> Result<(Asked, Finished)> {
    let halt = Arc::new(Halt::set_from_the_start(Why::Reading));
    let asked = given::asked_again(file.asked.clone(), folder, &halt)?;
    file.check(&asked, &folder.join("run.json"))?;
    let pace = Pace {
        workers: 1,
        halt,
        purse: None,
    };
    let finished = runtime.block_on(study::run(&asked, folder, &pace, &mut |_| {}))?;
    let finished = finished.ok_or_else(|| {
        Error::outside("this run is not finished")
            .in_file(folder)
            .mend(format!(
                "finish it with `dreameval run --resume {}`",
                folder.display()
            ))
    })?;
    file.check_journal(folder)?;
    Ok((asked, finished))
}
