//! The door to the network: JSON over kept connections, asked again as the official clients do, at the pace a provider
//! allows, until it is down; live, recorded, or played from a recording.

mod breaker;
mod cassette;
mod clock;
mod limits;
mod parts;
mod retry;
mod stream;
mod wire;

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::{domain::halt::Halt, draw::Key, error::Result, secret::Secret};

use breaker::{Breaker, Sign};
use cassette::{Came, Cassette};
use limits::Limiter;
use retry::Next;
use wire::{Answer, Broken, How, Wire};

pub use clock::Clock;
pub use limits::Limits;
pub use parts::{number_at, text_at, value_at};
pub use stream::{Frame, Opened, Stream};

/// Headers of an answer that are kept: those that name it to its provider.
const KEPT: [&str; 3] = ["request-id", "x-request-id", "mcp-session-id"];
/// How much of an answer that cannot be read is shown, in characters.
const SHOWN: usize = 200;

/// How much of an error's text is told, in characters.
const TOLD: usize = 300;
/// The longest wait before the pace is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long an answer that is under way is waited for once the run is being ended.
const LAST_ANSWER: Duration = Duration::from_secs(60);
/// How long a request may still wait, all in all, once the run is being ended.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// How one provider is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that paths are added to, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, where the provider asks for one.
    pub credential: Option<Credential>,
    /// A proxy, such as `http://proxy:3128`; none by default, whatever the environment says.
    pub proxy: Option<String>,
    /// Longest time to connect; 5 seconds as in the official clients.
    pub connect: Duration,
    /// Longest time for one exchange; 10 minutes as in the official clients.
    pub total: Duration,
    /// Longest silence of an open stream; 90 seconds, since providers send signs of life.
    pub idle: Duration,
    /// Exchanges one request may take. The official clients make 3; 6 keep a third of faults from breaking trials.
    pub tries: u32,
    /// Requests and tokens a minute.
    pub limits: Limits,
    /// Failed requests in a row after which the provider counts as down.
    pub most_failures: u32,
    /// Set once the provider is down, so that the run ends.
    pub halt: Arc<Halt>,
    /// Whether there is a network at all.
    pub transport: Transport,
    /// What waits are made on.
    pub clock: Clock,
}

/// A key and the header that carries it.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Such as `x-api-key`.
    pub header: String,
    /// The key.
    pub secret: Secret,
    /// Whether `Bearer` stands before it.
    pub is_bearer: bool,
}

/// Where answers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// The network.
    Live,
    /// The network; each exchange is added to this cassette.
    Record(PathBuf),
    /// This cassette; nothing is sent.
    Replay(PathBuf),
    /// Nowhere: only what was answered before is wanted.
    Closed,
}

impl Settings {
    /// The defaults for a provider without a key.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            credential: None,
            proxy: None,
            connect: Duration::from_secs(5),
            total: Duration::from_secs(600),
            idle: Duration::from_secs(90),
            tries: 6,
            limits: Limits::default(),
            most_failures: 16,
            halt: Arc::default(),
            transport: Transport::Live,
            clock: Clock::wall(),
        }
    }
}

/// What is done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Send.
    Post,
    /// Remove.
    Delete,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// Whether a request may be made again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It may.
    Freely,
    /// It makes something that would then exist twice: only after a refusal at the door.
    Creation,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is done.
    pub method: Method,
    /// Added to the base address; begins with `/`.
    pub path: &'a str,
    /// Headers besides the key; never secret.
    pub headers: &'a [(&'static str, String)],
    /// The body, as JSON with its keys in order: requests with the same body have the same text.
    pub body: Option<&'a str>,
    /// Whether it may be made again.
    pub repeat: Repeat,
    /// The address of the trial that asks: its recordings are found by it, and its waits drawn from it.
    pub address: Key,
    /// Seconds the caller has left for an exchange, where it has a limit.
    pub seconds_left: Option<f64>,
    /// About how many tokens it will use; 0 where it uses none.
    pub tokens: u64,
    /// Who hears what else is said on a stream that brings the answer; what was recorded says nothing else.
    pub heard: Option<&'a UnboundedSender<Value>>,
}

/// An answer whose body is JSON, or an error's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers that name the answer to its provider.
    pub headers: BTreeMap<String, String>,
    /// The body; a text where an error's body is not JSON.
    pub body: Value,
    /// From sending the exchange that was answered to its last byte, in seconds to a thousandth.
    pub seconds: f64,
    /// Answers to the same request that had begun before and were cut or could not be read; they may be billed, too.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lost: u32,
}

fn is_none(lost: &u32) -> bool {
    *lost == 0
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The provider let us down, however often it was asked.
    NoAnswer(String),
    /// It let us down, although so many answers had begun, which may be billed.
    Lost(String, u32),
    /// The caller's own time was over; a fact about the attempt.
    PastLimit,
    /// The provider is not asked any more in this run.
    Down(String),
    /// The recording lacks it, or could not be written.
    Tape(String),
}

/// One provider, for all trials of a run.
#[derive(Debug)]
pub struct Client {
    source: Source,
    tries: u32,
    limiter: Limiter,
    breaker: Breaker,
    /// What is shown in place of the key, where there is one.
    key: Option<String>,
    halt: Arc<Halt>,
    clock: Clock,
}

#[derive(Debug)]
enum Source {
    Live(Wire),
    Record(Wire, Cassette),
    Replay(Cassette),
    Closed,
}

impl Client {
    /// Prepares connections; none is opened yet.
    ///
    /// # Errors
    /// The base address or the key cannot be used, or the cassette cannot be opened.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self {
            source: match &settings.transport {
                Transport::Live => Source::Live(Wire::new(&settings)?),
                Transport::Record(path) => {
                    Source::Record(Wire::new(&settings)?, Cassette::record(path)?)
                }
                Transport::Replay(path) => Source::Replay(Cassette::replay(path)?),
                Transport::Closed => Source::Closed,
            },
            tries: settings.tries.max(1),
            limiter: Limiter::new(settings.limits),
            breaker: Breaker::new(
                settings.most_failures.max(1),
                &settings.base_url,
                Arc::clone(&settings.halt),
            ),
            key: settings.credential.map(|it| it.secret.shown().to_owned()),
            halt: settings.halt,
            clock: settings.clock,
        })
    }

    /// Why the provider is not asked any more, once that is so.
    pub fn down(&self) -> Option<String> {
        self.breaker.down()
    }

    /// Until [`Client::end_removal`], the provider is asked though it is down: what was made is to be removed even where
    /// the money is spent.
    pub fn begin_removal(&self) {
        self.breaker.begin_removal();
    }

    /// See [`Client::begin_removal`].
    pub fn end_removal(&self) {
        self.breaker.end_removal();
    }

    /// The pace allowed, as far as it was set or told.
    pub fn allowed(&self) -> Limits {
        self.limiter.allowed()
    }

    /// Corrects the estimate a request was admitted with.
    pub fn settle(&self, estimated: u64, used: u64) {
        self.limiter.settle(&self.clock, estimated, used);
    }

    /// Counts a request whose answer was waited for in vain as one that failed.
    pub fn note_silence(&self, told: &str) {
        if !matches!(self.source, Source::Replay(_)) {
            self.breaker.note(Sign::Failed(told.to_owned()));
        }
    }

    /// Asks, as often as it takes and may be. An answer with an error's status is an answer.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: &Request<'_>) -> std::result::Result<Response, Failure> {
        match &self.source {
            Source::Live(wire) => self.ask(wire, request).await,
            Source::Replay(cassette) => cassette.play(request),
            Source::Closed => Err(closed()),
            Source::Record(wire, cassette) => {
                let key = cassette.key(request);
                let came = self.ask(wire, request).await;
                let kept = cassette.keep(key, request, Came::of(&came));
                kept.map_err(|fault| Failure::Tape(fault.to_string()))?;
                came
            }
        }
    }

    /// A word nobody else has, to know again what a run made; played from a recording it is the one of then.
    ///
    /// # Errors
    /// The recording lacks it, or could not be written.
    pub fn mark(&self, address: Key) -> std::result::Result<String, Failure> {
        let request = Request {
            method: Method::Get,
            path: "mark",
            headers: &[],
            body: None,
            repeat: Repeat::Freely,
            address,
            seconds_left: None,
            tokens: 0,
            heard: None,
        };
        let fresh = || Response {
            status: 200,
            headers: BTreeMap::new(),
            body: Value::String(format!(
                "{:016x}",
                RandomState::new().hash_one(address.draw(0))
            )),
            seconds: 0.0,
            lost: 0,
        };
        let came = match &self.source {
            Source::Live(_) => fresh(),
            Source::Replay(cassette) => cassette.play(&request)?,
            Source::Closed => return Err(closed()),
            Source::Record(_, cassette) => {
                let came = Ok(fresh());
                let kept = cassette.keep(cassette.key(&request), &request, Came::of(&came));
                kept.map_err(|fault| Failure::Tape(fault.to_string()))?;
                came?
            }
        };
        Ok(came.body.as_str().unwrap_or_default().to_owned())
    }

    /// Waits, as on the clock all its waits are made on. Nobody waits for what was recorded.
    pub async fn wait(&self, time: Duration) {
        match self.source {
            Source::Live(_) | Source::Record(..) => self.clock.wait(time).await,
            Source::Replay(_) | Source::Closed => tokio::task::yield_now().await,
        }
    }

    async fn ask(
        &self,
        wire: &Wire,
        request: &Request<'_>,
    ) -> std::result::Result<Response, Failure> {
        let (mut tried, mut lost) = (0, 0);
        let mut patience = LAST_WAIT;
        let mut request = *request;
        loop {
            self.admitted(request.tokens, &mut patience).await?;
            let mut exchange = tokio::select! {
                exchange = wire.exchange(&request) => exchange,
                () = self.ended_long_ago() => {
                    let told = "the run is being ended, and the provider says nothing";
                    return Err(Failure::Down(told.to_owned()));
                }
            };
            if let Ok(answer) = &mut exchange {
                answer.status = retry::meant(answer);
                self.limiter.learn(&self.clock, answer);
            }
            lost += u32::from(is_lost(&exchange));
            // Whoever waited for one answer in vain has less time for the next.
            if let (Err(broken), Some(left)) = (&exchange, &mut request.seconds_left)
                && broken.how == How::Late
            {
                *left -= wire.longest();
            }
            match retry::next(&exchange, request.repeat, tried, request.address) {
                Next::Again(wait)
                    if tried + 1 < self.tries && self.wait_for(wait, &mut patience).await => {}
                Next::Again(_) | Next::Stand => return self.conclude(exchange, tried + 1, lost),
            }
            tried += 1;
        }
    }

    /// Returns when a request may be sent. What waits looks again and again, so that a pace that has recovered holds for
    /// those who wait already.
    ///
    /// # Errors
    /// The provider is not asked any more, or the run is being ended and the wait would be long.
    async fn admitted(
        &self,
        tokens: u64,
        patience: &mut Duration,
    ) -> std::result::Result<(), Failure> {
        loop {
            if let Some(told) = self.breaker.down() {
                return Err(Failure::Down(told));
            }
            let Some(wait) = self.limiter.admit(&self.clock, tokens) else {
                return Ok(());
            };
            if !self.wait_for(wait.min(LOOK_AGAIN), patience).await {
                let told = "the run is being ended, and the provider asks to wait";
                return Err(Failure::Down(told.to_owned()));
            }
        }
    }

    /// Returns once the run has been ending for as long as an answer that is under way is waited for.
    async fn ended_long_ago(&self) {
        let mut waited = Duration::ZERO;
        while waited < LAST_ANSWER {
            tokio::time::sleep(LOOK_AGAIN).await;
            if self.halt.is_set() {
                waited += LOOK_AGAIN;
            }
        }
    }

    /// Waits, but not for long once the run is being ended: `false` where `patience` is used up.
    async fn wait_for(&self, time: Duration, patience: &mut Duration) -> bool {
        let is_ending = || self.halt.is_set();
        let left = self.clock.wait_unless(time, is_ending).await;
        let last = left.min(*patience);
        *patience -= last;
        if !last.is_zero() {
            self.clock.wait(last).await;
        }
        last == left
    }

    fn conclude(
        &self,
        exchange: std::result::Result<Answer, Broken>,
        tries: u32,
        lost: u32,
    ) -> std::result::Result<Response, Failure> {
        if let Some(sign) = sign_of(&exchange, self.key.as_deref()) {
            self.breaker.note(sign);
        }
        let no_answer = |told: String| {
            let times = match tries {
                1 => "1 try".to_owned(),
                more => format!("{more} tries"),
            };
            match lost {
                0 => Failure::NoAnswer(format!("{told} ({times})")),
                lost => Failure::Lost(format!("{told} ({times})"), lost),
            }
        };
        match exchange {
            Ok(answer) => match &answer.body {
                Err(text) if answer.status < 300 => Err(no_answer(format!(
                    "the answer is not JSON: `{}`",
                    shown(text)
                ))),
                _ => Ok(Response {
                    lost,
                    ..Response::of(answer)
                }),
            },
            Err(broken) => Err(match broken.how {
                How::PastLimit => Failure::PastLimit,
                How::Unconnected => no_answer(format!("no connection: {}", broken.told)),
                How::Cut => no_answer(format!("the connection was cut: {}", broken.told)),
                How::Late => no_answer("no answer in time".to_owned()),
            }),
        }
    }
}

/// Whether an answer had begun, or came whole, that is of no use and may be billed all the same.
fn is_lost(exchange: &std::result::Result<Answer, Broken>) -> bool {
    match exchange {
        Ok(answer) => answer.status < 300 && answer.body.is_err(),
        Err(broken) => broken.had_begun,
    }
}

fn closed() -> Failure {
    Failure::Tape("this command asks nobody; what it reads was answered before".to_owned())
}

impl Response {
    /// What is kept of an answer.
    fn of(answer: Answer) -> Self {
        let headers = answer.headers.into_iter();
        Self {
            status: answer.status,
            headers: headers
                .filter(|(name, _)| KEPT.contains(&name.as_str()))
                .collect(),
            body: answer.body.unwrap_or_else(Value::String),
            seconds: answer.seconds,
            lost: 0,
        }
    }

    /// Whether it is neither a success nor free of an error, as some gateways send it with a success's status.
    pub fn is_error(&self) -> bool {
        !(200..300).contains(&self.status) || holds_error(&self.body)
    }
}

/// Whether a body tells of an error: one that says nothing is none.
fn holds_error(body: &Value) -> bool {
    let says = match body.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(_) => true,
    };
    says || body.get("type").and_then(Value::as_str) == Some("error")
}

/// What an error's body says, in any of the shapes servers use, on one line.
pub fn error_told(body: &Value) -> String {
    let message = ["/error/message", "/error", "/detail", "/message", ""]
        .iter()
        .filter_map(|at| body.pointer(at))
        .find_map(|it| it.as_str().map(str::to_owned))
        .unwrap_or_else(|| body.to_string());
    let kind = ["/error/details/error_code", "/error/code", "/error/type"]
        .iter()
        .find_map(|at| body.pointer(at)?.as_str());
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: String = line.chars().take(TOLD).collect();
    match kind {
        Some(kind) => format!("{kind}: {told}"),
        None => told,
    }
}

/// What the last exchange of a request says of its provider; `None` where the caller did not wait for its answer.
fn sign_of(exchange: &std::result::Result<Answer, Broken>, key: Option<&str>) -> Option<Sign> {
    let answer = match exchange {
        Err(broken) if broken.how == How::PastLimit => return None,
        Err(broken) => return Some(Sign::Failed(broken.told.clone())),
        Ok(answer) => answer,
    };
    if retry::is_spent(answer) {
        let told = "the provider says that the money is spent";
        return Some(Sign::Final(told.to_owned()));
    }
    let told = match &answer.body {
        Ok(body) => error_told(body),
        Err(text) => shown(text),
    };
    Some(match (answer.status, &answer.body) {
        (401, _) => Sign::Final(match key {
            Some(key) => format!("the provider does not take the key {key} (401: {told})"),
            None => format!("the provider asks for a key, and none is set (401: {told})"),
        }),
        (200..300, Err(_)) => Sign::Failed("an answer that is not JSON".to_owned()),
        // An answer over JSON-RPC is one, whatever it says.
        (_, Ok(body)) if body.get("jsonrpc").is_some() => Sign::Alive,
        (200..300, Ok(body)) if !holds_error(body) => Sign::Alive,
        // A request that is refused says nothing of the next; where all are, there is no use in asking.
        (status, _) => Sign::Failed(format!("status {status}: {told}")),
    })
}

/// The beginning of a text, for an error.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
