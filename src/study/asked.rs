//! What a run was asked to do: everything that affects what is replayed, and its fingerprint.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    agents::Agent,
    domain::{
        id::{ArmName, Digest},
        memory::Store,
        suite::Suite,
        task::Task,
    },
    dreaming::Dreamer,
    error::{Error, Result, count, without_place},
    hosted::Platform,
    promotion::calibration::Calibration,
    runner::journal,
    scoring::Judge,
    study::plan::Amount,
};

/// A run to be played.
pub struct Asked {
    /// The suite.
    pub suite: Arc<Suite>,
    /// Who attempts.
    pub agent: Arc<dyn Agent>,
    /// Who dreams.
    pub dreamer: Arc<dyn Dreamer>,
    /// The managed-agents platform, where one of them works there: what the run makes on it is removed at its end.
    pub platform: Option<Arc<Platform>>,
    /// Who judges rubrics, where the suite has any; see [`Asked::judged_by`].
    pub judge: Option<Arc<Judge>>,
    /// What that judge was held against.
    pub calibration: Option<Calibration>,
    /// A store to judge instead of dreaming one.
    pub memory: Option<Store>,
    /// Names of the built-in arms wanted.
    pub arms: Vec<String>,
    /// Stores replayed beside them.
    pub extra: Vec<(ArmName, Store)>,
    /// How much is played.
    pub amount: Amount,
    /// The seed of all trials.
    pub seed: u64,
    /// Whether what the dream would drop from the store is tried beside what it wrote, so that nothing leaves without a
    /// verdict.
    pub tries_dropped: bool,
    /// What was typed, to be asked again on `--resume`.
    pub typed: Typed,
}

/// The choices of the command line, by value; paths as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    /// The suite's folder.
    pub suite: String,
    /// Another world than the suite's own.
    pub world_seed: Option<u64>,
    /// The agent.
    pub agent: String,
    /// The dreamer.
    pub dreamer: String,
    /// How a model is given its notes, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// Whether commands and programs run in a sandbox.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sandbox: bool,
    /// What a dreaming model is told besides, word for word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Names of environment variables that programs are given beside the few every program gets; never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// Who judges rubrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// Votes on each criterion, where not the usual number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_votes: Option<u32>,
    /// What the judge was held against; it affects no trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<String>,
    /// How models are reached.
    #[serde(default, skip_serializing_if = "Network::is_default")]
    pub network: Network,
    /// A store to judge instead of dreaming one.
    pub memory: Option<String>,
    /// The store as it stands, instead of the suite's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// Whether what the dream would drop is tried too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tries_dropped: bool,
    /// Head of the store's ledger when the run began, where it has one: a later cut shows against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_head: Option<String>,
    /// The arms: built-in names, and `name=PATH`.
    pub arms: Vec<String>,
    /// Times each test task is attempted under each arm.
    pub repeats: u32,
    /// Times each practice task is attempted.
    pub practice_repeats: u32,
    /// Foldover pairs.
    pub pairs: u32,
    /// Whether the suite's other budgets are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_sweep: bool,
    /// The seed of all trials.
    pub seed: u64,
    /// The folder all paths were typed in, where that is not the present one.
    #[serde(skip)]
    pub base: Option<PathBuf>,
    /// Earlier runs whose trials are taken where nothing they depend on has changed; they affect no result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reuse: Vec<String>,
}

/// How models are reached; nothing here is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Another server that speaks the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The file of a table of models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<String>,
    /// The cassette every exchange is kept in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The cassette every exchange is taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
}

impl Network {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Asked")
            .field("typed", &self.typed)
            .finish_non_exhaustive()
    }
}

impl Asked {
    /// Whether a built-in arm is wanted.
    pub fn wants(&self, arm: &str) -> bool {
        self.arms.iter().any(|it| it == arm)
    }

    /// Gives the run a judge, whose digest becomes a part of what grades. Where nothing is judged, none is kept.
    pub fn judged_by(&mut self, judge: Option<Arc<Judge>>) {
        self.judge = judge.filter(|_| self.suite.is_judged());
        if let Some(judge) = &self.judge {
            let mut suite = Suite::clone(&self.suite);
            suite.judged_by(&judge.digest());
            self.suite = Arc::new(suite);
        }
    }

    /// A rubric needs a judge before anything is spent.
    ///
    /// # Errors
    /// There is none.
    pub fn check_judge(&self) -> Result<()> {
        if self.judge.is_some() || !self.suite.is_judged() {
            return Ok(());
        }
        let judged = |it: &&Task| !it.grader.judged().is_empty();
        let tasks = self.suite.tasks.iter().filter(judged).count();
        Err(Error::usage(format!(
            "{} of this suite {} a rubric, and no judge is named",
            count(tasks, "task"),
            if tasks == 1 { "has" } else { "have" }
        ))
        .mend("name a language model that judges: `--judge anthropic:MODEL` or `--judge openai:MODEL`"))
    }

    /// Digests of everything that affects what is replayed, by part.
    pub fn parts(&self) -> BTreeMap<String, Digest> {
        let mut parts = self.suite.digests.clone();
        let mut add = |name: &str, text: String| {
            parts.insert(name.to_owned(), Digest::of(text.as_bytes()));
        };
        add("version", env!("CARGO_PKG_VERSION").to_owned());
        add("agent", self.agent.name());
        add("dreamer", self.dreamer.name());
        add("arms", self.arms.join(","));
        add("amount", format!("{:?}", self.amount));
        add("seed", self.seed.to_string());
        if !self.typed.pass_env.is_empty() {
            add("pass-env", self.typed.pass_env.join(","));
        }
        if self.tries_dropped {
            add("tries dropped", "true".to_owned());
        }
        if let Some(store) = &self.memory {
            parts.insert("given memory".to_owned(), store.digest());
        }
        for (name, store) in &self.extra {
            parts.insert(format!("arm {name}"), store.digest());
        }
        parts
    }

    /// The run's name: the digest over all parts.
    pub fn fingerprint(&self) -> Digest {
        let parts: Vec<String> = self
            .parts()
            .into_iter()
            .map(|(name, digest)| format!("{name}\0{digest}"))
            .collect();
        Digest::of_parts(parts.iter().map(String::as_bytes))
    }
}

/// `run.json`: what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// Version of this shape.
    pub format: u32,
    /// The version that wrote it.
    pub dreameval: String,
    /// The run's fingerprint.
    pub run: Digest,
    /// The choices made.
    pub asked: Typed,
    /// Digests of everything that affects what is replayed.
    pub digests: BTreeMap<String, Digest>,
    /// Digest over the records of its journal, once it has ended: a later edit shows against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Digest>,
    /// When it began and ended, by the caller's clock; the only times in a run.
    pub times: BTreeMap<String, String>,
}

impl RunFile {
    /// The file of a run.
    pub fn of(asked: &Asked) -> Self {
        Self {
            format: 1,
            dreameval: env!("CARGO_PKG_VERSION").to_owned(),
            run: asked.fingerprint(),
            asked: asked.typed.clone(),
            digests: asked.parts(),
            journal: None,
            times: BTreeMap::new(),
        }
    }

    /// Reads a `run.json`.
    ///
    /// # Errors
    /// It is not one, or of another format.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        /// All that is asked of a file before its format is known.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        if let Ok(Version { format }) = serde_json::from_str(text)
            && format != 1
        {
            return Err(
                Error::input(format!("this run has format {format}, and 1 is known here"))
                    .in_file(path)
                    .mend("read it with the version that wrote it"),
            );
        }
        serde_json::from_str(text).map_err(|fault| {
            Error::input("this is not a `run.json`")
                .in_file(path)
                .at(fault.line().max(1), fault.column().max(1))
                .because(without_place(&fault))
                .mend("name a folder that `dreameval run` wrote")
        })
    }

    /// Refuses a journal that is not the one the run ended with.
    ///
    /// # Errors
    /// Integrity: its records were changed; or it cannot be read.
    pub fn check_journal(&self, folder: &Path) -> Result<()> {
        let path = journal::path_in(folder);
        match &self.journal {
            Some(ended) if *ended != journal::digest(&path)? => Err(Error::integrity(
                "this journal is not the one the run ended with: a record was changed, added or removed",
            )
            .in_file(&path)
            .mend("restore the file, or play the run again with another `--out`")),
            _ => Ok(()),
        }
    }

    /// Refuses to go on where anything that affects what is replayed has changed, naming the part.
    ///
    /// # Errors
    /// A part differs.
    pub fn check(&self, asked: &Asked, path: &Path) -> Result<()> {
        let now = asked.parts();
        let names = self.digests.keys().chain(now.keys());
        for name in names {
            let (had, has) = (self.digests.get(name), now.get(name));
            if had != has {
                let short = |it: Option<&Digest>| {
                    it.map_or_else(|| "nothing".to_owned(), |it| it.short().to_owned())
                };
                return Err(Error::integrity(format!(
                    "this run was made from something else: `{name}` differs (had {}, now {})",
                    short(had),
                    short(has)
                ))
                .in_file(path)
                .mend("restore what was changed, or start afresh with another `--out`"));
            }
        }
        Ok(())
    }
}
