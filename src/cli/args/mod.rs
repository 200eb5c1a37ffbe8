//! The command line as typed; what it means is settled by the commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::{exit::Exit, speech};

/// Measures whether dreaming helps AI agents, and which of the learnings earned it.
#[derive(Debug, Clone, Parser)]
#[command(name = "dreameval", version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Practise, dream, replay every arm, score, decide and report
    Run(Box<RunArgs>),
    /// Evidence and a report from results made elsewhere
    Compare(Box<CompareArgs>),
    /// Dream once over sessions and a store
    Dream(DreamArgs),
    /// Read a suite and prove its ruler with expert, idler and spammer
    Check(CheckArgs),
    /// Render a finished run again
    Report(ReportArgs),
    /// Play one trial of a run again and print its transcript
    Replay(ReplayArgs),
    /// Print the default policy
    Policy,
}

/// How much is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// 1 repeat, 200 foldover pairs
    Smoke,
    /// 3 repeats, 1,000 foldover pairs
    Gate,
    /// 5 repeats, 3,000 foldover pairs
    Promote,
}

/// Who attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AgentName {
    /// The embedded planner: chains backward over documented needs
    Embedded,
    /// The embedded forager: takes any useful step, without a plan
    Forager,
}

/// Who dreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DreamerName {
    /// The reference dreamer: mines sessions, no language model
    Embedded,
    /// A control that copies its input
    Null,
    /// A control that swaps remedies among conditions
    Shuffler,
    /// A control that appends every lesson
    Hoarder,
}

/// What is printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Sentences
    Text,
    /// `evidence.json`
    Json,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The suite's folder
    #[arg(required_unless_present = "resume")]
    pub suite: Option<PathBuf>,
    /// Who attempts
    #[arg(long, value_enum, default_value = "embedded")]
    pub agent: AgentName,
    /// Who dreams
    #[arg(long, value_enum, default_value = "embedded")]
    pub dreamer: DreamerName,
    /// Judge this store instead of dreaming one
    #[arg(long, value_name = "STORE")]
    pub memory: Option<PathBuf>,
    /// Arms to replay: bare, stored, dreamed, placebo, oracle, or name=STORE
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "bare,stored,dreamed,placebo,oracle"
    )]
    pub arms: Vec<String>,
    /// How much is played
    #[arg(long, value_enum, default_value = "gate")]
    pub preset: Preset,
    /// Attempts at each test task under each arm, instead of the preset's
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeats: Option<u32>,
    /// Foldover pairs, instead of the preset's
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub pairs: Option<u32>,
    /// Seed of the trials
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Draw another world than the suite's own
    #[arg(long)]
    pub world_seed: Option<u64>,
    /// What must be shown before anything is kept
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The run's folder [default: the first free reports/SUITE-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Take from this earlier run the trials nothing has changed for; may be given more than once
    #[arg(long, value_name = "RUN")]
    pub reuse: Vec<PathBuf>,
    /// Continue the run in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "reuse", "agent", "dreamer", "memory", "arms", "preset", "repeats", "pairs", "seed", "world_seed", "out", "plan"])]
    pub resume: Option<PathBuf>,
    /// Print what would be played, and spend nothing
    #[arg(long)]
    pub plan: bool,
    /// Also write trials.csv
    #[arg(long)]
    pub csv: bool,
    /// Trials under way at once [default: the cores]
    #[arg(short = 'j', long = "jobs", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub jobs: Option<u32>,
    #[command(flatten)]
    /// How much is said.
    pub voice: Voice,
}

/// How much is said.
#[derive(Debug, Clone, Args)]
pub struct Voice {
    /// Say nothing but the answer
    #[arg(short, long)]
    pub quiet: bool,
    /// What is printed on standard output
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Tables of trials, CSV or Parquet
    #[arg(required = true)]
    pub tables: Vec<PathBuf>,
    /// The arm compared against
    #[arg(long)]
    pub baseline: String,
    /// The arm in question
    #[arg(long)]
    pub candidate: String,
    /// Read our column from theirs; `a+b` joins columns
    #[arg(long, value_name = "OURS=THEIRS")]
    pub map: Vec<String>,
    /// Keep rows with this value only
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub filters: Vec<String>,
    /// What must be shown
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Where the report goes [default: the first free reports/TABLE-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    /// How much is said.
    pub voice: Voice,
}

/// `dream`.
#[derive(Debug, Clone, Args)]
pub struct DreamArgs {
    /// A folder of transcripts (*.jsonl), or a run
    #[arg(long, value_name = "DIR")]
    pub sessions: PathBuf,
    /// The store to start from
    #[arg(long, value_name = "STORE")]
    pub memory: Option<PathBuf>,
    /// Where the new store goes; must be new or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Who dreams
    #[arg(long, value_enum, default_value = "embedded")]
    pub dreamer: DreamerName,
}

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The suite's folder
    pub suite: PathBuf,
    /// Draw another world than the suite's own
    #[arg(long)]
    pub world_seed: Option<u64>,
    /// Seed of the trials
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The run's folder
    pub run: PathBuf,
    /// What must be shown before anything is kept
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Also write trials.csv
    #[arg(long)]
    pub csv: bool,
    #[command(flatten)]
    /// How much is said.
    pub voice: Voice,
}

/// `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The run's folder
    pub run: PathBuf,
    /// The trial's number in the plan, as in trials.csv
    pub trial: u32,
}

/// Reads the process's arguments; help, version and mistakes are printed here.
pub fn parse() -> Result<Command, Exit> {
    match Line::try_parse() {
        Ok(line) => Ok(line.command),
        Err(error) => {
            let text = error.render().to_string();
            if error.use_stderr() {
                speech::remark(text.trim_end());
                Err(Exit::Usage)
            } else {
                speech::answer(&text);
                Err(Exit::Done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Line::command().debug_assert();
    }
}
