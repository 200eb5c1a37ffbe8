//! Judges on the command line: who judges a run's rubrics, and `judge calibrate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::args::ModelArgs;

/// Who judges rubrics.
#[derive(Debug, Clone, Default, Args)]
pub struct JudgeArgs {
    /// Who judges rubrics: anthropic:MODEL or openai:MODEL (docs/judges.md)
    #[arg(long, value_name = "MODEL")]
    pub judge: Option<String>,
    /// Votes on each criterion, an odd number; the majority decides [default: 3]
    #[arg(long, value_name = "VOTES", requires = "judge")]
    pub judge_votes: Option<u32>,
}

/// `judge`.
#[derive(Debug, Clone, Args)]
pub struct JudgeCommandArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: JudgeAction,
}

/// What can be done with a judge.
#[derive(Debug, Clone, Subcommand)]
pub enum JudgeAction {
    /// Draw work of a finished run for people to label, blind to arm and judge
    Labels(LabelsArgs),
    /// Hold a judge against human labels
    Calibrate(Box<CalibrateArgs>),
}

/// `judge labels`.
#[derive(Debug, Clone, Args)]
pub struct LabelsArgs {
    /// The run's folder
    pub run: PathBuf,
    /// The table for people, who fill in its column `human`
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The key to it, which tells arm and judge; nobody who labels should see it
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The arms the work is drawn from
    #[arg(long, value_delimiter = ',', default_value = "bare,dreamed")]
    pub arms: Vec<String>,
    /// Pieces of work of each arm, at most
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub per_arm: u32,
    /// Seed of the draw
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `judge calibrate`.
#[derive(Debug, Clone, Args)]
pub struct CalibrateArgs {
    /// A table of labels: item, criterion, human, and where known arm, judge, text, brief, answer, calls (docs/judges.md)
    #[arg(long, value_name = "FILE")]
    pub labels: PathBuf,
    /// The key `judge labels` wrote with the table
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    #[command(flatten)]
    /// Who judges.
    pub judge: JudgeArgs,
    #[command(flatten)]
    /// How models are reached.
    pub models: ModelArgs,
    /// The arm compared against
    #[arg(long, default_value = "bare")]
    pub baseline: String,
    /// The arm in question
    #[arg(long, default_value = "dreamed")]
    pub candidate: String,
    /// Write the calibration, which gates and promotions ask for, to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Judgements under way at once
    #[arg(short = 'j', long = "jobs", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub jobs: u32,
}
