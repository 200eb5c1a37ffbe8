//! `tidy`: removes what a run left on the managed-agents platform, for whoever will not resume it.

use std::sync::Arc;

use crate::{
    cli::{
        args::TidyArgs,
        commands::{
            reach::{Reach, names_hosted},
            report::read_run_file,
            runtime,
        },
        exit::Exit,
        progress::tidied,
        speech,
    },
    domain::halt::Halt,
    error::{Error, Result, count},
    files::Lock,
    runner::journal,
};

/// Finds what bears the run's mark and removes it.
pub fn tidy(args: &TidyArgs) -> Result<Exit> {
    let typed = read_run_file(&args.run)?.asked;
    let words = [&typed.agent, &typed.dreamer];
    let Some(word) = words.into_iter().find(|it| names_hosted(it)) else {
        speech::answer("nothing of this run was made on the platform");
        return Ok(Exit::Done);
    };
    let _lock = Lock::take(&journal::path_in(&args.run))?.ok_or_else(|| {
        Error::outside("another process is at work on this run")
            .in_file(&args.run)
            .mend("wait until it has ended, then try again")
    })?;
    let halt = Arc::new(Halt::default());
    let platform = Reach::new(&typed.network, word, &halt)?.platform(word)?;
    let (removed, ended) = runtime()?.block_on(platform.tidy(&args.run))?;
    speech::answer(&format!(
        "removed {} of this run from the platform",
        count(removed, "thing")
    ));
    match tidied(&ended) {
        None => Ok(Exit::Done),
        Some(told) => {
            speech::remark(&told);
            Ok(Exit::Outside)
        }
    }
}
