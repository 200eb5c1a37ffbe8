//! The command line as typed; what it means is settled by the commands.

mod judge;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::{exit::Exit, speech};

pub use judge::{CalibrateArgs, JudgeAction, JudgeArgs, JudgeCommandArgs, LabelsArgs};

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
    /// Try a model's key, name, tools and limits with one cheap call, before anything is spent
    Doctor(DoctorArgs),
    /// Read a suite and prove its ruler with expert, idler and spammer
    Check(CheckArgs),
    /// Judge a finished run: 0 pass, 1 fail, 3 not enough evidence
    Gate(GateArgs),
    /// Write what a run's store came to as the baseline of later gates
    Baseline(BaselineArgs),
    /// One unattended pass: practise, dream, evaluate, decide, promote or wait for review
    Cycle(Box<CycleArgs>),
    /// Put the learnings of a run that earned it in force, or undo that
    Promote(PromoteArgs),
    /// Show what waits for a person; approve or reject it
    Review(ReviewArgs),
    /// Show, verify or redact what happened to a store
    Ledger(LedgerArgs),
    /// Render a finished run again
    Report(ReportArgs),
    /// Hold a judge of rubrics against human labels
    Judge(JudgeCommandArgs),
    /// Play one trial of a run again and print its transcript
    Replay(ReplayArgs),
    /// Remove what a run left on the managed-agents platform, when it will not be resumed
    Tidy(TidyArgs),
    /// Print the default policy
    Policy,
}

/// How much is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// 1 repeat, practice once, 200 foldover pairs, no other step budgets
    Smoke,
    /// 3 repeats, 1,000 foldover pairs
    Gate,
    /// 5 repeats, 3,000 foldover pairs
    Promote,
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
    #[command(flatten)]
    /// Who takes part.
    pub cast: CastArgs,
    /// Judge this store instead of dreaming one
    #[arg(long, value_name = "STORE")]
    pub memory: Option<PathBuf>,
    /// Practise with this store and dream over it, instead of the suite's own
    #[arg(long, value_name = "STORE")]
    pub stored: Option<PathBuf>,
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
    /// Leave out the trials at the suite's other step budgets
    #[arg(long)]
    pub no_sweep: bool,
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
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "reuse", "agent", "dreamer", "instructions", "pass_env", "delivery", "sandbox", "base_url", "models", "record", "replay", "judge", "judge_votes", "calibration", "memory", "stored", "arms", "preset", "repeats", "pairs", "no_sweep", "seed", "world_seed", "out", "plan"])]
    pub resume: Option<PathBuf>,
    /// Print what would be played, and spend nothing
    #[arg(long)]
    pub plan: bool,
    /// End with the gate's code: 0 pass, 1 fail, 3 not enough evidence
    #[arg(long)]
    pub gate: bool,
    /// Hold the gate against this file instead of the policy's baseline arm
    #[arg(long, value_name = "FILE", requires = "gate")]
    pub baseline: Option<PathBuf>,
    /// Also write trials.csv
    #[arg(long)]
    pub csv: bool,
    /// Trials under way at once [default: the cores; 64 for models]
    #[arg(short = 'j', long = "jobs", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub jobs: Option<u32>,
    #[command(flatten)]
    /// What it may cost.
    pub bounds: BoundArgs,
    #[command(flatten)]
    /// How much is said.
    pub voice: Voice,
}

/// Who attempts, dreams and judges.
#[derive(Debug, Clone, Args)]
pub struct CastArgs {
    /// Who attempts: embedded (chains backward over documented needs), forager (takes any useful step),
    /// anthropic:MODEL or openai:MODEL (docs/models.md), hosted:MODEL on the managed-agents platform (docs/hosted.md),
    /// or command:PROGRAM, which is run for each attempt (docs/programs.md)
    #[arg(long, default_value = "embedded")]
    pub agent: String,
    /// Who dreams: embedded (mines sessions, no language model), the controls null (copies), shuffler (swaps remedies)
    /// and hoarder (appends every lesson), anthropic:MODEL or openai:MODEL (docs/judges.md), hosted:MODEL
    /// (docs/hosted.md), or command:PROGRAM
    #[arg(long, default_value = "embedded")]
    pub dreamer: String,
    /// What a dreaming model is told besides, 1 to 4096 characters
    #[arg(long, value_name = "FILE")]
    pub instructions: Option<PathBuf>,
    /// Give programs this environment variable, too; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub pass_env: Vec<String>,
    #[command(flatten)]
    /// How models are reached.
    pub models: ModelArgs,
    #[command(flatten)]
    /// What agents are given to work with.
    pub room: RoomArgs,
    #[command(flatten)]
    /// Who judges rubrics.
    pub judge: JudgeArgs,
    /// What the judge was held against, as `judge calibrate` wrote it; without it a judge may inform and not gate
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
}

/// How models are reached.
#[derive(Debug, Clone, Default, Args)]
pub struct ModelArgs {
    /// Another server that speaks the model's protocol, such as http://localhost:8000/v1
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// A table of models: addresses, keys by the names of their variables, pace, prices (docs/models.md)
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Keep every exchange with a model in this cassette
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Take every exchange with a model from this cassette, and ask nobody
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
}

/// What agents are given to work with (docs/environments.md).
#[derive(Debug, Clone, Default, Args)]
pub struct RoomArgs {
    /// How a model is given its notes: context (all in its first message), retrieved:K (the K best matching there),
    /// tool (behind the memory tool) or files (in its workspace) [default: context]
    #[arg(long, value_name = "MODE")]
    pub delivery: Option<String>,
    /// Run commands and programs in a sandbox made by `bwrap`
    #[arg(long)]
    pub sandbox: bool,
}

/// What a run may cost; a run at its bound ends with 5, and `--resume` goes on with it.
#[derive(Debug, Clone, Default, Args)]
pub struct BoundArgs {
    /// Begin no trial that would take the whole run past so many dollars
    #[arg(long, value_name = "USD", value_parser = positive, allow_negative_numbers = true)]
    pub max_cost: Option<f64>,
    /// Begin no trial after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = positive, allow_negative_numbers = true)]
    pub max_seconds: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && 0.0 < number => Ok(number),
        _ => Err("it is a number above 0".to_owned()),
    }
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
    /// Who dreams: embedded, the controls null, shuffler and hoarder, anthropic:MODEL or openai:MODEL (docs/judges.md),
    /// hosted:MODEL (docs/hosted.md), or command:PROGRAM (docs/programs.md)
    #[arg(long, default_value = "embedded")]
    pub dreamer: String,
    /// What a dreaming model is told besides, 1 to 4096 characters
    #[arg(long, value_name = "FILE")]
    pub instructions: Option<PathBuf>,
    /// Give a dreaming program this environment variable, too; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub pass_env: Vec<String>,
    #[command(flatten)]
    /// How models are reached.
    pub models: ModelArgs,
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Who would attempt: anthropic:MODEL or openai:MODEL, hosted:MODEL, or command:PROGRAM
    #[arg(long, required_unless_present_any = ["dreamer", "judge"])]
    pub agent: Option<String>,
    /// Who would dream: the same words
    #[arg(long)]
    pub dreamer: Option<String>,
    /// Who would judge rubrics: anthropic:MODEL or openai:MODEL
    #[arg(long)]
    pub judge: Option<String>,
    /// Give programs this environment variable, too; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub pass_env: Vec<String>,
    #[command(flatten)]
    /// How models are reached.
    pub models: ModelArgs,
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

/// `gate`.
#[derive(Debug, Clone, Args)]
pub struct GateArgs {
    /// The run's folder
    pub run: PathBuf,
    /// What must be shown, and what is compared with
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// What the judge was held against, instead of the run's own
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// Hold against this file instead of the policy's baseline arm
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Tell the ledger of this store
    #[arg(long, value_name = "STORE")]
    pub store: Option<PathBuf>,
}

/// `baseline`.
#[derive(Debug, Clone, Args)]
pub struct BaselineArgs {
    /// The run's folder
    pub run: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// `cycle`.
#[derive(Debug, Clone, Args)]
pub struct CycleArgs {
    /// The suite's folder
    pub suite: PathBuf,
    /// The store in force; made where it is not there yet
    #[arg(long, value_name = "STORE")]
    pub store: PathBuf,
    /// What must be shown, and who must agree
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The night's name, such as a date; one that ended is not played again [default: the next number]
    #[arg(long, value_name = "NAME")]
    pub night: Option<String>,
    /// Where the nights' runs go [default: STORE.nights]
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    #[command(flatten)]
    /// Who takes part.
    pub cast: CastArgs,
    #[command(flatten)]
    /// What it may cost.
    pub bounds: BoundArgs,
    /// How much is played
    #[arg(long, value_enum, default_value = "gate")]
    pub preset: Preset,
    /// Seed from which each night's own is drawn
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Draw another world than the suite's own
    #[arg(long)]
    pub world_seed: Option<u64>,
    /// Trials under way at once [default: the cores; 64 for models]
    #[arg(short = 'j', long = "jobs", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub jobs: Option<u32>,
    /// Say nothing but the answer
    #[arg(short, long)]
    pub quiet: bool,
}

/// `promote`.
#[derive(Debug, Clone, Args)]
pub struct PromoteArgs {
    /// The run's folder
    #[arg(required_unless_present = "undo")]
    pub run: Option<PathBuf>,
    /// The store in force: a folder, an export, or a single text
    #[arg(long, value_name = "STORE")]
    pub to: PathBuf,
    /// What must be shown, and who must agree
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// What the judge was held against, instead of the run's own
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// Who does this
    #[arg(long, value_name = "NAME", default_value = "unattended")]
    pub by: String,
    /// Put the store before the last promotion back
    #[arg(long, conflicts_with_all = ["run", "policy", "dry_run"])]
    pub undo: bool,
    /// Why it is undone
    #[arg(long, value_name = "TEXT", requires = "undo")]
    pub because: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `review`.
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// The run's folder
    pub run: PathBuf,
    /// The store in force
    #[arg(long, value_name = "STORE")]
    pub to: PathBuf,
    /// What must be shown, and who must agree
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// What the judge was held against, instead of the run's own
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// Learnings that may be put in force
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub approve: Vec<String>,
    /// Learnings that may not
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub reject: Vec<String>,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub because: Option<String>,
}

/// `ledger`.
#[derive(Debug, Clone, Args)]
pub struct LedgerArgs {
    /// What to do
    #[command(subcommand)]
    pub action: LedgerAction,
}

/// What to do with a ledger.
#[derive(Debug, Clone, Subcommand)]
pub enum LedgerAction {
    /// Print every line in words
    Show {
        /// The store in force
        store: PathBuf,
    },
    /// Check the chain, every kept store and the store in force; ends with 6 where anything was changed
    Verify {
        /// The store in force
        store: PathBuf,
        /// A head kept elsewhere, such as the one in a report: a cut at the end shows only against it
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Take over a change made by hand, such as a merged pull request: the store as it stands is in force
    Adopt {
        /// The store in force
        store: PathBuf,
        /// Who asked for it
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
    /// Erase the texts of a kept store; its digest and the reason stay
    Redact {
        /// The store in force
        store: PathBuf,
        /// Digest of the kept store, or its first digits
        snapshot: String,
        /// Who asked for it
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
}

/// `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The run's folder
    pub run: PathBuf,
    /// What must be shown before anything is kept
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// What the judge was held against, instead of the run's own
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
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

/// `tidy`.
#[derive(Debug, Clone, Args)]
pub struct TidyArgs {
    /// The run's folder
    pub run: PathBuf,
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
