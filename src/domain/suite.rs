//! A suite: tasks and the setting they happen in.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::domain::{
    id::Digest,
    memory::Store,
    task::{Limits, Split, Task},
    world::World,
};

/// A checked suite, ready to be played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// Its name, one word.
    pub name: String,
    /// One sentence for the report.
    pub about: String,
    /// The headline budget.
    pub limits: Limits,
    /// Step budgets at which bare, dreamed and placebo are played once more each.
    pub sweep_steps: Vec<u32>,
    /// The tasks, in the order of the file.
    pub tasks: Vec<Task>,
    /// Where the tasks happen.
    pub setting: Setting,
    /// What a model may use there, beside the tools of a world.
    pub kit: Kit,
    /// The store as agents left it; empty where the suite has none.
    pub memory: Store,
    /// Digests of what affects replay, by part.
    pub digests: BTreeMap<String, Digest>,
}

/// Where tasks happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// Nowhere: the answer is all there is.
    None,
    /// A scratch folder seeded with files.
    Workspace {
        /// The folder copied for each trial.
        files: PathBuf,
    },
    /// A simulated desk.
    World(Arc<World>),
}

/// What a model may use where tasks happen, beside the tools of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    /// Tools for the files of a workspace.
    pub files: bool,
    /// Commands in a workspace.
    pub shell: bool,
    /// Servers that have more tools.
    pub servers: Vec<ToolServer>,
}

/// A server that has tools, by the Model Context Protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolServer {
    /// Stands before the names of its tools.
    pub name: String,
    /// How it is reached.
    pub reach: ServerReach,
    /// Seconds one of its answers may take.
    pub seconds: u32,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerReach {
    /// A program, started for each trial in its folder.
    Command {
        /// The program and its arguments; files of the suite by their whole path.
        run: Vec<String>,
        /// Names of environment variables it is given beside the few every program gets.
        pass_env: Vec<String>,
    },
    /// An address.
    Url {
        /// The whole address.
        url: String,
        /// Name of the environment variable its key stands in.
        key: Option<String>,
    },
}

impl Suite {
    /// The tasks of one split, with their indices in [`Suite::tasks`].
    pub fn split(&self, split: Split) -> impl Iterator<Item = (usize, &Task)> {
        self.tasks
            .iter()
            .enumerate()
            .filter(move |(_, task)| task.split == split)
    }

    /// Whether a judge is asked about any task.
    pub fn is_judged(&self) -> bool {
        self.tasks.iter().any(|it| !it.grader.judged().is_empty())
    }

    /// Makes the judge of this digest a part of what grades: results under another judge are never compared. Where
    /// nothing is judged, nothing changes.
    pub fn judged_by(&mut self, judge: &Digest) {
        if !self.is_judged() {
            return;
        }
        for task in &mut self.tasks {
            if !task.grader.judged().is_empty() {
                let parts = [task.grader_digest, *judge].map(|it| it.to_string());
                task.grader_digest = Digest::of_parts(parts.iter().map(String::as_bytes));
            }
        }
        self.digests.insert("judge".to_owned(), *judge);
    }

    /// The world, where the suite has one.
    pub fn world(&self) -> Option<&Arc<World>> {
        match &self.setting {
            Setting::World(world) => Some(world),
            Setting::None | Setting::Workspace { .. } => None,
        }
    }
}
