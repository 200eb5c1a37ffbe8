//! One file per command: settled arguments in, an exit code out.

mod check;
mod clock;
mod compare;
mod cycle;
mod doctor;
mod dream;
mod forecast;
mod gate;
mod given;
mod judge;
mod ledger;
mod pages;
mod promote;
mod reach;
mod replay;
mod report;
mod review;
mod room;
mod run;
mod settle;
mod tidy;

use crate::{
    cli::{args::Command, exit::Exit, speech},
    error::{Error, Result},
    promotion::policy::DEFAULT_POLICY,
};

pub use reach::know_keys;

/// Runs a command.
pub fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Dream(args) => dream::dream(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Check(args) => check::check(&args),
        Command::Gate(args) => gate::gate(&args),
        Command::Baseline(args) => gate::baseline(&args),
        Command::Cycle(args) => cycle::cycle(&args),
        Command::Promote(args) => promote::promote(&args),
        Command::Review(args) => review::review(&args),
        Command::Ledger(args) => ledger::ledger(&args),
        Command::Judge(args) => judge::judge(&args),
        Command::Report(args) => report::report(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Tidy(args) => tidy::tidy(&args),
        Command::Policy => {
            speech::answer(DEFAULT_POLICY);
            Ok(Exit::Done)
        }
    }
}

/// The runtime trials are played on: one thread per core.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|fault| Error::outside("no threads could be started").because(fault))
}
