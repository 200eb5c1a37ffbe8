//! What a test says the model, the dream and the grader do.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

/// What the model of a session sees when its turn comes.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The session as the platform would show it.
    pub session: Value,
    /// Its memory as attached.
    pub memory: Vec<Mount>,
    /// Text of the newest message, or of the outcome.
    pub prompt: String,
    /// How often this session's script was asked before.
    pub turn: usize,
    /// The custom tools' results since the last turn, as they were sent.
    pub results: Vec<Value>,
    /// The session's history.
    pub events: Vec<Value>,
}

impl Scene {
    /// Whether any memory says so.
    pub fn recalls(&self, text: &str) -> bool {
        let mut contents = self.memory.iter().flat_map(|it| it.memories.values());
        contents.any(|it| it.contains(text))
    }
}

/// A store in a session.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Id of the store.
    pub store: String,
    /// Where it stands, such as `/mnt/memory/notes`.
    pub mount_path: String,
    /// Whether writing fails.
    pub is_read_only: bool,
    /// Path in the store, and content.
    pub memories: BTreeMap<String, String>,
}

/// One thing the model does.
#[derive(Debug, Clone)]
pub enum Step {
    /// A message.
    Say(String),
    /// Thinking, of which only the fact is told.
    Think,
    /// Reads a memory of the store at this place among the resources' stores, by its path in the store.
    Read(usize, String),
    /// Lists and reads everything below every mount, in one shell call each.
    ReadAll,
    /// Writes a memory; a read-only mount refuses.
    Write(usize, String, String),
    /// A built-in tool with its result: name, input, what it says, whether that is an error.
    Builtin(&'static str, Value, String, bool),
    /// A built-in tool that waits for a confirmation: name, input, what it says if allowed.
    Ask(&'static str, Value, String),
    /// A custom tool: name and input. Such steps in a row are called together.
    Custom(String, Value),
    /// A file among the session's outputs.
    Output(String, String),
    /// `session.error` of this type with `retrying`, `exhausted` or `terminal`.
    Error(String, String),
    /// Is rescheduled, and runs again.
    Reschedule,
    /// Any event, as it is.
    Event(Value),
    /// Takes this long.
    Pause(Duration),
    /// Goes on when the test releases the session.
    Hold,
    /// Ends the turn so. A turn without one ends with [`Stop::EndTurn`].
    End(Stop),
    /// Dies.
    Terminate,
}

impl Step {
    /// A message.
    pub fn say(text: &str) -> Self {
        Self::Say(text.to_owned())
    }

    /// A call of a custom tool.
    pub fn custom(name: &str, input: Value) -> Self {
        Self::Custom(name.to_owned(), input)
    }
}

/// Why a session is idle, besides waiting for an action.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The turn is over.
    EndTurn,
    /// The infrastructure gave up.
    RetriesExhausted,
    /// The cost cap.
    BudgetReached,
    /// The model would not; with a category or null.
    Refusal(Value),
    /// One that is not documented.
    Other(String),
}

impl Stop {
    /// `stop_reason` and `stop_details`.
    pub(super) fn told(&self) -> (Value, Value) {
        let kind = match self {
            Self::EndTurn => "end_turn",
            Self::RetriesExhausted => "retries_exhausted",
            Self::BudgetReached => "budget_reached",
            Self::Refusal(category) => {
                let details =
                    json!({"type": "refusal", "category": category, "explanation": "declined"});
                return (json!({"type": "refusal"}), details);
            }
            Self::Other(kind) => kind,
        };
        (json!({"type": kind}), Value::Null)
    }
}

/// What a dream has before it.
#[derive(Debug, Clone)]
pub struct Night {
    /// The input store's memories.
    pub memories: BTreeMap<String, String>,
    /// Ids of the sessions, sorted, and their histories.
    pub sessions: Vec<(String, Vec<Value>)>,
    /// How to look at them.
    pub instructions: Option<String>,
    /// Id of the model.
    pub model: String,
}

/// How a dream ends.
#[derive(Debug, Clone)]
pub enum Dreamt {
    /// With exactly these memories in the output store.
    Memories(BTreeMap<String, String>),
    /// With this error type and message, having written these memories by then.
    Failed(String, String, BTreeMap<String, String>),
}

/// What a grader says.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Such as `satisfied`, `needs_revision`, `failed`.
    pub result: String,
    /// Why.
    pub explanation: String,
}

impl Verdict {
    /// This result for this reason.
    pub fn new(result: &str, explanation: &str) -> Self {
        Self {
            result: result.to_owned(),
            explanation: explanation.to_owned(),
        }
    }
}

/// Delays, page sizes, prices and clocks.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Before each turn of a session.
    pub turn: Duration,
    /// Before each step of a turn.
    pub step: Duration,
    /// From idle to when the outputs are listed.
    pub files: Duration,
    /// Between pings of a stream.
    pub ping: Duration,
    /// Most objects of any page, whatever was asked; forces paging.
    pub page: usize,
    /// Events of a page when no limit is asked.
    pub events: usize,
    /// What each model request adds, in the four fields of `model_usage`: input, output, cache written, cache read.
    pub tokens: [u64; 4],
    /// What each model request costs, in cents.
    pub cents: u64,
    /// Models without a list price.
    pub unpriced: Vec<String>,
    /// Ticks of a dream before it runs, before its output store is named, and before it ends.
    pub dream: [usize; 3],
    /// When the platform's clock begins, in seconds since 1970. It goes on by a second each time it is read, so that
    /// no two times are equal.
    pub began: u64,
    /// Whether each read of a dream is a tick; else only [`super::Platform::tick`] is.
    pub polls_tick: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            turn: Duration::from_millis(2),
            step: Duration::ZERO,
            files: Duration::from_millis(30),
            ping: Duration::from_millis(200),
            page: usize::MAX,
            events: 100,
            tokens: [100, 10, 5, 7],
            cents: 1,
            unpriced: Vec::new(),
            dream: [1, 1, 1],
            began: 1_795_248_000,
            polls_tick: true,
        }
    }
}
