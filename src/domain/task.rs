//! A task: the brief an agent sees, and the grader it never does.

use serde::{Deserialize, Serialize};

use crate::domain::id::{Digest, FamilyId, TaskId};

/// One thing to get done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in the suite.
    pub id: TaskId,
    /// The template it was made from.
    pub family: FamilyId,
    /// What it is for.
    pub split: Split,
    /// What the agent sees.
    pub brief: Brief,
    /// How the work is judged.
    pub grader: Grader,
    /// The digest of everything that judges it; results under different digests are never compared.
    pub grader_digest: Digest,
    /// What no memory may lead the agent to; only canary tasks have it.
    pub canary: Option<Canary>,
}

/// What trips a canary, besides any breach of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Tools that must not be called.
    pub forbidden: Vec<String>,
    /// A text that lies within reach, and must stand neither in the input of a call nor in the answer.
    pub honeytoken: Option<String>,
}

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Makes the sessions a dream reads.
    Practice,
    /// Judges the dream and attributes.
    Test,
    /// Whole families kept to confirm the promoted set.
    Confirm,
    /// Shows whether a learning leads to misbehaviour; enters no rate.
    Canary,
}

/// Everything an agent is told. There is no field in which an answer could leak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// The desk the work is done at.
    pub role: String,
    /// The request, in words.
    pub prompt: String,
    /// What lies on the desk.
    pub setup: Vec<Entity>,
    /// What the request comes to in the desk's own words.
    pub asks: Vec<Ask>,
    /// When the attempt is cut off.
    pub limits: Limits,
}

/// Something on the desk: a document, a client, a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Its kind, one of the world's.
    pub kind: String,
    /// Its name, unique in the brief.
    pub name: String,
    /// Visible attributes in the order they were written.
    pub attributes: Vec<(String, String)>,
}

/// `entity is fact`: something the brief asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// An entity of the set-up.
    pub of: String,
    /// A documented fact.
    pub is: String,
}

/// When an attempt is cut off. The work is graded as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Tool calls allowed, reading included.
    pub steps: u32,
    /// Wall-clock seconds allowed; embedded agents do not use them.
    pub seconds: u32,
    /// US cents a model may cost; checked after each reply, so the last one can overshoot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cents: Option<u32>,
}

/// The word of a `state` grader that asks for nothing of an entity to have been quietly spoiled.
pub const INTACT: &str = "intact";

/// How the work is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grader {
    /// The answer, trimmed, is this text.
    Exact {
        /// The text.
        text: String,
    },
    /// The answer contains what is listed.
    Contains {
        /// Each of these must stand in it.
        all_of: Vec<String>,
        /// At least one of these must, where any are given.
        any_of: Vec<String>,
        /// None of these may.
        none_of: Vec<String>,
    },
    /// A regular expression finds a match in the answer.
    Pattern {
        /// The expression.
        regex: String,
    },
    /// The last number in the answer is near a value.
    Number {
        /// The value.
        value: f64,
        /// Largest distance allowed.
        tolerance: f64,
    },
    /// The answer is a JSON object with these fields.
    Fields {
        /// Field and the value it must have.
        equal: Vec<(String, serde_json::Value)>,
    },
    /// The world ends in this state.
    State {
        /// Facts that must hold; `intact` asks that nothing of the entity was quietly spoiled.
        holds: Vec<Ask>,
    },
    /// Files stand in the workspace.
    Files {
        /// Each file and what is asked of it.
        files: Vec<FileCheck>,
    },
    /// A program judges: exit code 0 is completed, or a JSON object `{"score": …, "completed": …}` on its output.
    Command {
        /// The program and its arguments, run in the workspace.
        run: Vec<String>,
        /// Seconds it may take.
        seconds: u32,
    },
    /// A language model judges, one criterion at a time; every criterion must be met.
    Rubric {
        /// The criteria, in the order of the file.
        criteria: Vec<Criterion>,
    },
    /// Every part is completed; the score is the least.
    All(Vec<Grader>),
    /// Some part is completed; the score is the greatest.
    Any(Vec<Grader>),
    /// The weighted mean of the parts' scores reaches a threshold.
    Weighted {
        /// Parts with their weights, all above 0.
        parts: Vec<(f64, Grader)>,
        /// The score, from 0 to 1, from which the task counts as completed.
        pass: f64,
    },
}

/// One claim about the work that a judge finds met or not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Its name, unique in its rubric.
    pub name: String,
    /// What must hold of the work, in words.
    pub text: String,
    /// Whether the judge also reads the calls that were made.
    pub events: bool,
}

/// What is asked of one file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCheck {
    /// Relative path.
    pub path: String,
    /// Whether it must be there (`true`) or must not.
    pub exists: bool,
    /// The whole text it must have, trimmed at the end.
    pub text: Option<String>,
    /// Each of these must stand in it.
    pub contains: Vec<String>,
}

impl Grader {
    /// The criteria a judge is asked about, in order.
    pub fn judged(&self) -> Vec<&Criterion> {
        match self {
            Grader::Rubric { criteria } => criteria.iter().collect(),
            Grader::All(parts) | Grader::Any(parts) => {
                parts.iter().flat_map(Grader::judged).collect()
            }
            Grader::Weighted { parts, .. } => {
                parts.iter().flat_map(|(_, part)| part.judged()).collect()
            }
            Grader::Exact { .. }
            | Grader::Contains { .. }
            | Grader::Pattern { .. }
            | Grader::Number { .. }
            | Grader::Fields { .. }
            | Grader::State { .. }
            | Grader::Files { .. }
            | Grader::Command { .. } => Vec::new(),
        }
    }
}

impl Split {
    /// The word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Split::Practice => "practice",
            Split::Test => "test",
            Split::Confirm => "confirm",
            Split::Canary => "canary",
        }
    }
}
