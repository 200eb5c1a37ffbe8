//! The managed-agents platform: everything a run makes there is marked, found again when an answer was lost, and
//! removed at the end. Who plays and who dreams with it is not known here.

mod agents;
mod around;
pub mod dreams;
mod gather;
mod making;
mod mark;
pub mod sessions;
pub mod stores;
mod tidy;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::{
    domain::{
        halt::{Halt, Why},
        id::Digest,
    },
    draw::Key,
    error::{Error, Result},
    http::{
        Client, Credential, Failure, Method, Repeat, Request, Settings, Transport, error_told,
        number_at, text_at,
    },
    secret::Secret,
};

pub use agents::{AgentPlan, AgentRef};
pub use mark::MARK_FILE;
pub use tidy::Ended;

use making::Sought;
use mark::Begun;
use stores::StoreRef;
use tidy::Made;

/// The platform's own address.
pub const ADDRESS: &str = "https://api.anthropic.com";
/// The environment variable its key stands in by custom.
pub const KEY_VARIABLE: &str = "ANTHROPIC_API_KEY";
/// The version every gateway knows, and the one from which a key goes as a bearer token.
const VERSION: &str = "2023-06-01";
const NEW_VERSION: &str = "2026-10-21";
/// Items asked for on a page of a listing.
const PAGE: &str = "limit=100";
/// Seconds an answer may take that somebody waits for at the end of a run.
const SOON: f64 = 30.0;
/// Requests without an answer after which nothing more is removed.
const MOST_UNANSWERED: u32 = 8;
/// The key of the metadata that holds a run's mark.
const MARK: &str = "dreameval";
/// Longest value of metadata, in characters.
const LONGEST_VALUE: usize = 512;

/// Where the platform is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Another server that speaks the protocol.
    pub base_url: Option<String>,
    /// The key; a server of one's own may ask for none.
    pub key: Option<Secret>,
    /// The environment variable it stands in.
    pub key_variable: String,
    /// The `anthropic-version`.
    pub version: String,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            base_url: None,
            key: None,
            key_variable: KEY_VARIABLE.to_owned(),
            version: VERSION.to_owned(),
        }
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The platform refused, with this status and in these words.
    Refused(u16, String),
    /// There was no answer; nobody knows whether it was done.
    Lost(String),
    /// The caller's own time was over; a fact about the attempt.
    PastLimit,
    /// Nothing more can be asked in this run.
    Over(String),
    /// The platform answered something that cannot be used.
    Unusable(String),
}

impl Trouble {
    /// What happened, in words.
    pub fn told(&self) -> String {
        match self {
            Trouble::Refused(status, told) => format!("the platform answered {status}: {told}"),
            Trouble::Lost(told) => format!("the platform gave no answer: {told}"),
            Trouble::PastLimit => "the time was over".to_owned(),
            Trouble::Over(told) => told.clone(),
            Trouble::Unusable(told) => format!("the platform {told}"),
        }
    }

    /// As an error of a command.
    pub fn into_error(self, doing: &str) -> Error {
        let error = Error::outside(format!("{doing}: {}", self.told()));
        match self {
            Trouble::Refused(401 | 403, _) => error.mend(format!(
                "check {KEY_VARIABLE}, and that its workspace may use the platform"
            )),
            Trouble::Refused(400, told) if told.contains("not_enrolled") => {
                error.mend("ask for access to the preview, or name another dreamer")
            }
            _ => error.mend("a run keeps what was played, and goes on with `--resume`"),
        }
    }
}

/// What follows of a call to the platform.
pub type Outcome<T> = std::result::Result<T, Trouble>;

/// The platform, for all trials and dreams of a run.
#[derive(Debug)]
pub struct Platform {
    client: Client,
    version: String,
    halt: Arc<Halt>,
    run: Mutex<Run>,
    made: Mutex<Made>,
    environment: Mutex<Arc<OnceCell<String>>>,
    agents: Mutex<BTreeMap<Digest, Arc<OnceCell<AgentRef>>>>,
    stores: Mutex<BTreeMap<Digest, Arc<OnceCell<StoreRef>>>>,
    /// The dream that is waited for.
    begun: Mutex<Option<Begun>>,
    /// Whether practice sessions are still to be dreamt over.
    awaits_dream: AtomicBool,
    /// What was asked to be made and neither answered nor found again.
    doubtful: Mutex<BTreeSet<Digest>>,
    /// While all is being removed, the requests in a row that had no answer.
    unanswered: Mutex<Option<u32>>,
    /// Who hears what goes on.
    hearer: Hearer,
    /// Whether anything of this run was asked to be made, now or before.
    has_made: AtomicBool,
    /// Whether what the run made was removed for whoever will not resume it.
    is_tidied: AtomicBool,
}

/// Who hears what goes on where nothing else is heard of for long.
#[derive(Default)]
struct Hearer(OnceLock<Hears>);

type Hears = Box<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for Hearer {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("whoever hears it")
    }
}

/// What everything a run makes is marked with.
#[derive(Debug, Clone, Default)]
struct Run {
    mark: Option<String>,
    fingerprint: String,
    folder: Option<PathBuf>,
}

/// One call.
#[derive(Clone, Copy)]
struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Option<&'a Value>,
    repeat: Repeat,
    address: Key,
    seconds_left: Option<f64>,
}

impl<'a> Call<'a> {
    fn get(path: &'a str, address: Key) -> Self {
        Self {
            method: Method::Get,
            path,
            body: None,
            repeat: Repeat::Freely,
            address,
            seconds_left: None,
        }
    }

    fn post(path: &'a str, body: &'a Value, address: Key) -> Self {
        Self {
            method: Method::Post,
            body: Some(body),
            ..Self::get(path, address)
        }
    }

    fn delete(path: &'a str, address: Key) -> Self {
        Self {
            method: Method::Delete,
            ..Self::get(path, address)
        }
    }
}

impl Platform {
    /// The platform behind a connection of its own. `settings` says how it is reached; address and key are filled in
    /// here.
    ///
    /// # Errors
    /// A key is missing, or the connection cannot be prepared.
    pub fn new(connection: Connection, settings: Settings) -> Result<Self> {
        let is_offline = matches!(settings.transport, Transport::Replay(_) | Transport::Closed);
        let key = connection.key.filter(|it| !it.is_empty());
        if key.is_none() && connection.base_url.is_none() && !is_offline {
            return Err(
                Error::usage("the managed-agents platform asks for a key").mend(format!(
                    "set {}, or name a server of your own with `--base-url`",
                    connection.key_variable
                )),
            );
        }
        let is_bearer = connection.version == NEW_VERSION;
        let header = if is_bearer {
            "authorization"
        } else {
            "x-api-key"
        };
        let base = connection.base_url.unwrap_or_else(|| ADDRESS.to_owned());
        let base = base.trim_end_matches('/');
        let halt = Arc::clone(&settings.halt);
        let client = Client::new(Settings {
            base_url: base.strip_suffix("/v1").unwrap_or(base).to_owned(),
            credential: key.map(|secret| Credential {
                header: header.to_owned(),
                secret,
                is_bearer,
            }),
            ..settings
        })?;
        Ok(Self {
            client,
            version: connection.version,
            halt,
            run: Mutex::default(),
            made: Mutex::default(),
            environment: Mutex::default(),
            agents: Mutex::default(),
            stores: Mutex::default(),
            begun: Mutex::default(),
            awaits_dream: AtomicBool::new(false),
            doubtful: Mutex::default(),
            unanswered: Mutex::default(),
            hearer: Hearer::default(),
            has_made: AtomicBool::new(false),
            is_tidied: AtomicBool::new(false),
        })
    }

    /// The `anthropic-version` spoken.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it is not the version every gateway knows.
    pub fn is_unusual_version(&self) -> bool {
        self.version != VERSION
    }

    /// Has somebody told what goes on while a dream is dreamt; whoever was named first hears it.
    pub fn heard_by(&self, hears: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.hearer.0.set(Box::new(hears));
    }

    fn say(&self, told: &str) {
        if let Some(hears) = self.hearer.0.get() {
            hears(told);
        }
    }

    /// Practice sessions are kept until [`Platform::end`], even where a run is stopped before its dream.
    pub fn await_dream(&self, awaits: bool) {
        self.awaits_dream.store(awaits, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.halt.is_set()
    }

    /// Passes on what every trial needs; a refusal of it ends the run, since none of them could be played.
    fn needed<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        match &outcome {
            // Those who come too often may come later.
            Err(Trouble::Refused(409 | 429, _)) => {}
            Err(trouble @ (Trouble::Refused(..) | Trouble::Unusable(_))) => {
                self.halt.set(Why::Down(trouble.told()));
            }
            _ => {}
        }
        outcome
    }

    /// Makes one call. While all is being removed nobody waits long for an answer, nor for one answer after the other.
    async fn ask(&self, call: &Call<'_>) -> Outcome<Value> {
        let unanswered = *lock(&self.unanswered);
        let Some(unanswered) = unanswered else {
            return self.ask_once(call).await;
        };
        if MOST_UNANSWERED <= unanswered {
            return Err(Trouble::Lost("it gave none before".to_owned()));
        }
        let came = self.ask_soon(call).await;
        let is_lost = matches!(came, Err(Trouble::Lost(_)));
        if let Some(count) = &mut *lock(&self.unanswered) {
            *count = if is_lost { *count + 1 } else { 0 };
        }
        came
    }

    /// Makes one call that must be answered soon.
    async fn ask_soon(&self, call: &Call<'_>) -> Outcome<Value> {
        let call = Call {
            seconds_left: Some(SOON),
            ..*call
        };
        match self.ask_once(&call).await {
            Err(Trouble::PastLimit) => Err(Trouble::Lost(format!("nothing within {SOON} seconds"))),
            other => other,
        }
    }

    async fn ask_once(&self, call: &Call<'_>) -> Outcome<Value> {
        let body = call.body.map(Value::to_string);
        let headers = self.headers(call.path);
        let request = Request {
            method: call.method,
            path: call.path,
            headers: &headers,
            body: body.as_deref(),
            repeat: call.repeat,
            address: call.address,
            seconds_left: call.seconds_left,
            tokens: 0,
            heard: None,
        };
        let response = self.client.send(&request).await.map_err(trouble)?;
        // An `error` in a body is no sign of one: failed dreams have it, too.
        let is_error = text_at(&response.body, "/type").as_deref() == Some("error");
        if (200..300).contains(&response.status) && !is_error {
            return Ok(response.body);
        }
        let told = error_told(&response.body);
        Err(match response.status {
            408 | 500.. => Trouble::Lost(format!("{}: {told}", response.status)),
            status => Trouble::Refused(status, told),
        })
    }

    fn headers(&self, path: &str) -> Vec<(&'static str, String)> {
        let beta = beta_of(path).map(|it| ("anthropic-beta", it.to_owned()));
        let version = ("anthropic-version", self.version.clone());
        [version].into_iter().chain(beta).collect()
    }

    /// The run's mark, drawn where it has none yet.
    fn mark(&self) -> Outcome<String> {
        let mut run = lock(&self.run);
        if let Some(mark) = &run.mark {
            return Ok(mark.clone());
        }
        let mark = self.client.mark(own_address("mark")).map_err(trouble)?;
        run.mark = Some(mark.clone());
        Ok(mark)
    }

    /// Metadata of something this run makes: its mark, its fingerprint, and what it is for.
    fn metadata(&self, purpose: &[(&str, &str)]) -> Outcome<Value> {
        let mark = self.mark()?;
        let fingerprint = lock(&self.run).fingerprint.clone();
        let mut metadata = Map::new();
        let own = [(MARK, mark.as_str()), ("run", fingerprint.as_str())];
        for (key, value) in own.into_iter().chain(purpose.iter().copied()) {
            if !value.is_empty() {
                let value: String = value.chars().take(LONGEST_VALUE).collect();
                metadata.insert(key.to_owned(), json!(value));
            }
        }
        Ok(Value::Object(metadata))
    }
}

/// Whether an object has all this metadata.
fn has_metadata(item: &Value, metadata: &Value) -> bool {
    metadata.as_object().is_some_and(|all| {
        all.iter()
            .all(|(key, value)| item.get("metadata").and_then(|it| it.get(key)) == Some(value))
    })
}

/// The one beta a path asks for, if any; two at once are refused where stores are concerned.
fn beta_of(path: &str) -> Option<&'static str> {
    if path.starts_with("/v1/memory_stores") {
        Some("agent-memory-2026-07-22")
    } else if path.starts_with("/v1/dreams") {
        Some("dreaming-2026-04-21")
    } else if path.starts_with("/v1/models") {
        None
    } else {
        Some("managed-agents-2026-04-01")
    }
}

fn trouble(failure: Failure) -> Trouble {
    match failure {
        Failure::NoAnswer(told) | Failure::Lost(told, _) => Trouble::Lost(told),
        Failure::PastLimit => Trouble::PastLimit,
        Failure::Down(told) => Trouble::Over(format!(
            "the platform is not asked any more in this run: {told}"
        )),
        Failure::Tape(told) => Trouble::Over(told),
    }
}

/// The wait before the next of a few tries.
fn pause(tried: u32) -> Duration {
    Duration::from_millis(500 << tried.min(4))
}

/// The address of what belongs to no trial.
fn own_address(word: &str) -> Key {
    Key::root(0).word("hosted").word(word)
}

/// A value as it stands in a query.
fn encoded(text: &str) -> String {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    text.bytes()
        .map(|it| match is_plain(it) {
            true => char::from(it).to_string(),
            false => format!("%{it:02X}"),
        })
        .collect()
}

/// The id of something made.
fn id_of(body: &Value) -> Outcome<String> {
    id_at(body, "/id").ok_or_else(|| Trouble::Unusable("made something without an `id`".to_owned()))
}

/// An id, which becomes a part of paths; `None` where it could lead elsewhere.
fn id_at(body: &Value, at: &str) -> Option<String> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-".contains(it);
    text_at(body, at).filter(|it| !it.is_empty() && it.chars().all(is_plain))
}

/// The value behind a lock. A thread that panicked left it whole: nothing here is half done between two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_01_each_path_has_the_one_beta_it_asks_for() {
        for (path, beta) in [
            (
                "/v1/memory_stores/m/memories",
                Some("agent-memory-2026-07-22"),
            ),
            ("/v1/memory_stores", Some("agent-memory-2026-07-22")),
            ("/v1/dreams/drm_1", Some("dreaming-2026-04-21")),
            ("/v1/agents", Some("managed-agents-2026-04-01")),
            ("/v1/sessions?a=b", Some("managed-agents-2026-04-01")),
            ("/v1/models/m", None),
        ] {
            assert_eq!(beta_of(path), beta, "{path}");
        }
    }

    #[test]
    fn trap_31_what_stands_in_a_query_is_escaped() {
        assert_eq!(encoded("a+/= [é"), "a%2B%2F%3D%20%5B%C3%A9");
    }

    #[test]
    fn an_id_that_could_lead_elsewhere_is_not_taken() {
        assert_eq!(id_of(&json!({"id": "sesn_01a-B"})).unwrap(), "sesn_01a-B");
        for id in [json!("../agents"), json!("a?b"), json!(""), json!(7)] {
            assert!(id_of(&json!({"id": id})).is_err());
        }
    }
}
