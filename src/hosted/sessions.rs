//! Sessions: begun with their work, followed event by event through cut streams, answered, and read for what they cost.

use std::collections::{BTreeSet, HashSet, VecDeque};

use serde_json::{Map, Value, json};

use crate::{
    draw::Key,
    hosted::{
        AgentRef, Call, Outcome, PAGE, Platform, Sought, Trouble, has_metadata, id_at, id_of, lock,
        number_at, pause, stores::gone, text_at, trouble,
    },
    http::{Failure, Frame, Method, Opened, Repeat, Request, Stream, error_told},
};

/// The event of a transcript that says on which session of the platform it was played.
pub const SESSION_EVENT: &str = "hosted.session";
/// Openings of a stream in a row that brought no event, after which a session counts as lost.
const FRUITLESS: u32 = 20;
/// How often events are sent again that nobody answered for and that are not in the history.
const SENDINGS: u32 = 6;
/// Looks at a session that was interrupted, until it is idle.
const LOOKS: u32 = 10;

/// A session to be begun.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// Who works.
    pub agent: &'a AgentRef,
    /// Id of the environment.
    pub environment: &'a str,
    /// Id of the store to be attached, to be read only.
    pub store: &'a str,
    /// What the agent is told of the store.
    pub instructions: &'a str,
    /// A title for people.
    pub title: String,
    /// What it is for; together with the run's mark it is known again by this.
    pub purpose: &'a [(&'a str, &'a str)],
    /// Most it may cost, in cents.
    pub budget_cents: Option<u64>,
    /// The event it begins with.
    pub opening: Value,
    /// Whether a dream is to read it later.
    pub is_practice: bool,
    /// Seconds it may take.
    pub seconds: f64,
}

/// A session under way.
#[derive(Debug)]
pub struct Running {
    /// Its id.
    pub id: String,
    /// Where its store is mounted, as the platform says.
    pub mount_path: Option<String>,
    /// Seconds it has been followed for.
    pub seconds: f64,
    address: Key,
    allowed: f64,
    seen: HashSet<String>,
    waiting: VecDeque<Value>,
    stream: Option<Stream>,
    before_stream: f64,
    /// Seconds of open streams after their last event. A recording has none, so they are no part of what is told.
    silent: f64,
    fruitless: u32,
}

/// What a session consumed. Null is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Input that no cache held.
    pub input: Option<u64>,
    /// Output.
    pub output: Option<u64>,
    /// Input read from a cache.
    pub cache_read: Option<u64>,
    /// Input written to a cache.
    pub cache_write: Option<u64>,
    /// Dollars at list prices.
    pub cost_usd: Option<f64>,
}

impl Spent {
    /// What a `usage` comes to, of a session, a dream or a request.
    pub fn of(usage: &Value) -> Self {
        let written = usage
            .get("cache_creation")
            .and_then(Value::as_object)
            .map(|by_age: &Map<String, Value>| by_age.values().filter_map(Value::as_u64).sum());
        Self {
            input: number_at(usage, "/input_tokens"),
            output: number_at(usage, "/output_tokens"),
            cache_read: number_at(usage, "/cache_read_input_tokens"),
            cache_write: number_at(usage, "/cache_creation_input_tokens").or(written),
            cost_usd: usage.get("list_cost").and_then(dollars),
        }
    }
}

impl Platform {
    /// Begins a session. It is running when this returns; its first events are read from its history.
    ///
    /// # Errors
    /// It could not be begun, or its store could be written.
    pub async fn begin_session(&self, plan: &Plan<'_>, address: Key) -> Outcome<Running> {
        let metadata = self.metadata(plan.purpose)?;
        let body = body_of(plan, &metadata);
        let listing = format!("/v1/sessions?agent_id={}&{PAGE}", plan.agent.id);
        // A killed run may have left one of the same trial half played.
        let old: BTreeSet<String> = lock(&self.made).sessions.keys().cloned().collect();
        let sought = Sought {
            listing: &listing,
            is_it: &|item| {
                let is_new = id_at(item, "/id").is_some_and(|id| !old.contains(&id));
                is_new && has_metadata(item, &metadata)
            },
        };
        let made = self.create("/v1/sessions", &body, address, &sought).await?;
        let id = id_of(&made)?;
        lock(&self.made)
            .sessions
            .insert(id.clone(), plan.is_practice);
        let resources = made.pointer("/resources").and_then(Value::as_array);
        let store = resources
            .into_iter()
            .flatten()
            .find(|it| text_at(it, "/memory_store_id").as_deref() == Some(plan.store));
        let access = store.and_then(|it| text_at(it, "/access"));
        if access.is_some_and(|it| it != "read_only") {
            return Err(Trouble::Unusable(
                "attached a store that can be written, where one to be read only was asked for"
                    .to_owned(),
            ));
        }
        Ok(Running {
            mount_path: store.and_then(|it| text_at(it, "/mount_path")),
            id,
            seconds: 0.0,
            address,
            allowed: plan.seconds,
            seen: HashSet::new(),
            waiting: VecDeque::new(),
            stream: None,
            before_stream: 0.0,
            silent: 0.0,
            fruitless: 0,
        })
    }

    /// The next event of a session, each once and in order, whatever becomes of its streams.
    ///
    /// # Errors
    /// Its time is over, or it cannot be followed any more.
    pub async fn next_event(&self, running: &mut Running) -> Outcome<Value> {
        loop {
            if let Some(event) = running.waiting.pop_front() {
                return Ok(event);
            }
            let Some(stream) = &mut running.stream else {
                self.reopen(running).await?;
                continue;
            };
            match self.client.next(stream).await {
                Ok(Some(frame)) => {
                    running.seconds = running.before_stream + frame.seconds;
                    match read(&frame) {
                        Read::Event(event) => running.take(event),
                        Read::Nothing => {}
                        Read::Failed => running.close(),
                    }
                }
                Ok(None) | Err(Failure::NoAnswer(_) | Failure::Lost(..)) => running.close(),
                Err(failure) => return Err(trouble(failure)),
            }
        }
    }

    /// Opens a stream, then reads the history for what came before it.
    async fn reopen(&self, running: &mut Running) -> Outcome<()> {
        if FRUITLESS <= running.fruitless {
            return Err(Trouble::Lost(format!(
                "session {} told nothing new on {FRUITLESS} streams in a row",
                running.id
            )));
        }
        if 0 < running.fruitless {
            self.client.wait(pause(running.fruitless)).await;
        }
        running.fruitless += 1;
        let left = running.allowed - running.before_stream;
        if left <= 0.0 {
            return Err(Trouble::PastLimit);
        }
        // Where silence has used it up, the stream is asked for with no time left: a recording then has that, too.
        let left = (left - running.silent).max(0.0);
        let path = format!("/v1/sessions/{}/events/stream", running.id);
        let headers = self.headers(&path);
        let request = Request {
            method: Method::Get,
            path: &path,
            headers: &headers,
            body: None,
            repeat: Repeat::Freely,
            address: running.address,
            seconds_left: Some(left),
            tokens: 0,
            heard: None,
        };
        match self.client.open(&request).await {
            Ok(Opened::Stream(stream)) => running.stream = Some(*stream),
            Ok(Opened::Refused(response)) if 500 <= response.status => return Ok(()),
            Ok(Opened::Refused(response)) => {
                let told = error_told(&response.body);
                return Err(Trouble::Refused(response.status, told));
            }
            Err(Failure::NoAnswer(_) | Failure::Lost(..)) => return Ok(()),
            Err(failure) => return Err(trouble(failure)),
        }
        match self.catch_up(running).await {
            Err(Trouble::Lost(_)) => {
                running.close();
                Ok(())
            }
            other => other,
        }
    }

    /// Takes what the history has and nobody has seen.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn catch_up(&self, running: &mut Running) -> Outcome<()> {
        for event in self.history(running).await? {
            running.take(event);
        }
        Ok(())
    }

    async fn history(&self, running: &Running) -> Outcome<Vec<Value>> {
        let path = format!("/v1/sessions/{}/events", running.id);
        self.list(&path, running.address).await
    }

    /// Sends events that answer others, each once: where the answer is lost, the history says which of them arrived.
    ///
    /// # Errors
    /// They were refused, or nobody knows what became of them.
    pub async fn send(&self, running: &mut Running, mut events: Vec<Value>) -> Outcome<()> {
        let path = format!("/v1/sessions/{}/events", running.id);
        let mut last = String::new();
        for tried in 0..SENDINGS {
            if events.is_empty() {
                return Ok(());
            }
            let body = json!({"events": events});
            let mut call = Call::post(&path, &body, running.address);
            call.repeat = Repeat::Creation;
            match self.ask(&call).await {
                Err(Trouble::Lost(told)) => last = told,
                other => return other.map(drop),
            }
            self.client.wait(pause(tried)).await;
            let history = self.history(running).await?;
            events.retain(|it| !history.iter().any(|past| is_same_answer(past, it)));
            for event in history {
                running.take(event);
            }
        }
        match events.is_empty() {
            true => Ok(()),
            false => Err(Trouble::Lost(format!("{last} ({SENDINGS} times)"))),
        }
    }

    /// Ends what a session is doing. That it runs no more is seen to when it is removed.
    ///
    /// # Errors
    /// It was not told.
    pub async fn interrupt(&self, id: &str, address: Key) -> Outcome<()> {
        let path = format!("/v1/sessions/{id}/events");
        let body = json!({"events": [{"type": "user.interrupt"}]});
        gone(self.ask(&Call::post(&path, &body, address)).await)
    }

    /// What a session has consumed, once it does nothing more; as far as it is known where it does not stop.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn spent(&self, running: &Running) -> Outcome<Spent> {
        let path = format!("/v1/sessions/{}", running.id);
        for tried in 0.. {
            let session = self.ask(&Call::get(&path, running.address)).await?;
            if tried + 1 == LOOKS || !is_busy(&session) {
                return Ok(Spent::of(session.get("usage").unwrap_or(&Value::Null)));
            }
            self.client.wait(pause(tried)).await;
        }
        Ok(Spent::default())
    }

    /// Removes a session, ending it first where it runs; one that is gone already is no fault.
    ///
    /// # Errors
    /// It is still there.
    pub async fn delete_session(&self, id: &str, address: Key) -> Outcome<()> {
        let path = format!("/v1/sessions/{id}");
        for tried in 0..LOOKS {
            let session = match self.ask(&Call::get(&path, address)).await {
                Err(Trouble::Refused(404, _)) => break,
                other => other?,
            };
            if !is_busy(&session) {
                gone(self.ask(&Call::delete(&path, address)).await)?;
                break;
            }
            if tried == 0 {
                self.interrupt(id, address).await?;
            }
            if tried + 1 == LOOKS {
                return Err(Trouble::Unusable("does not end it".to_owned()));
            }
            self.client.wait(pause(tried)).await;
        }
        lock(&self.made).sessions.remove(id);
        Ok(())
    }
}

impl Running {
    /// The address of the trial it belongs to.
    pub fn address(&self) -> Key {
        self.address
    }

    /// Whether an event of this id was taken and is still to be handed on.
    pub fn awaits(&self, id: &str) -> bool {
        let is_it = |it: &Value| it.get("id").and_then(Value::as_str) == Some(id);
        self.waiting.iter().any(is_it)
    }

    /// Takes an event nobody has seen. What has no id is only of the moment.
    fn take(&mut self, event: Value) {
        let Some(id) = text_at(&event, "/id") else {
            return;
        };
        if self.seen.insert(id) {
            self.fruitless = 0;
            self.waiting.push_back(event);
        }
    }

    /// The stream is of no more use.
    fn close(&mut self) {
        let took = self.stream.take().map_or(0.0, |it| it.seconds());
        let told = self.seconds - self.before_stream;
        self.silent += (took - told).max(0.0);
        self.before_stream = self.seconds;
    }
}

/// Whether a session does something that has to be ended before it can be removed.
fn is_busy(session: &Value) -> bool {
    let status = text_at(session, "/status");
    matches!(status.as_deref(), Some("running" | "rescheduling"))
}

/// What a frame of a stream comes to.
enum Read {
    Event(Value),
    Nothing,
    Failed,
}

/// The JSON has its own type, which counts.
fn read(frame: &Frame) -> Read {
    let Ok(event) = serde_json::from_str::<Value>(&frame.data) else {
        return Read::Nothing;
    };
    match text_at(&event, "/type").as_deref() {
        Some("error") => Read::Failed,
        _ if frame.event == "error" => Read::Failed,
        Some("ping") | None => Read::Nothing,
        Some(_) => Read::Event(event),
    }
}

/// Whether an event of the history is the answer that was sent.
fn is_same_answer(past: &Value, sent: &Value) -> bool {
    ["/type", "/custom_tool_use_id", "/tool_use_id"]
        .iter()
        .all(|at| past.pointer(at) == sent.pointer(at))
}

fn body_of(plan: &Plan<'_>, metadata: &Value) -> Value {
    let mut body = json!({
        // The version is pinned: the agent of no trial can change between arms.
        "agent": {"type": "agent", "id": plan.agent.id, "version": plan.agent.version},
        "environment_id": plan.environment,
        "title": plan.title,
        "metadata": metadata,
        "resources": [{
            "type": "memory_store",
            "memory_store_id": plan.store,
            "access": "read_only",
            "instructions": plan.instructions,
        }],
        "initial_events": [plan.opening],
    });
    if let Some(cents) = plan.budget_cents {
        body["budget"] = json!({
            "type": "limit",
            "max_list_cost": {"amount": cents.to_string(), "currency": "USD"},
        });
    }
    body
}

/// Dollars of an amount, which is a text that counts cents; `None` for another currency or what is no such text.
fn dollars(amount: &Value) -> Option<f64> {
    let is_dollars = text_at(amount, "/currency").is_none_or(|it| it == "USD");
    let text = text_at(amount, "/amount").filter(|_| is_dollars)?;
    let is_number = |it: u8| it.is_ascii_digit() || it == b'.';
    if text.is_empty() || !text.bytes().all(is_number) {
        return None;
    }
    Some(text.parse::<f64>().ok()? / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_17_amounts_are_texts_that_count_cents() {
        let of = |amount: Value| dollars(&json!({"amount": amount, "currency": "USD"}));
        assert_eq!(of(json!("150")), Some(1.5));
        assert_eq!(of(json!("0.5")), Some(0.005));
        for other in [
            json!(150),
            json!("$1"),
            json!(""),
            json!("1e3"),
            Value::Null,
        ] {
            assert_eq!(of(other), None);
        }
        assert_eq!(dollars(&json!({"amount": "1", "currency": "EUR"})), None);
        let spent = Spent::of(&json!({"input_tokens": 3, "cache_creation":
            {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5}}));
        assert_eq!((spent.input, spent.cache_write), (Some(3), Some(7)));
        assert_eq!((spent.output, spent.cost_usd), (None, None));
    }

    fn plan(budget_cents: Option<u64>) -> Value {
        let agent = AgentRef {
            id: "agent_1".to_owned(),
            version: 3,
        };
        let plan = Plan {
            agent: &agent,
            environment: "env_1",
            store: "memstore_1",
            instructions: "Read.",
            title: "t".to_owned(),
            purpose: &[],
            budget_cents,
            opening: json!({"type": "user.message"}),
            is_practice: false,
            seconds: 1.0,
        };
        body_of(&plan, &json!({}))
    }

    #[test]
    fn trap_13_a_store_is_attached_to_be_read_only() {
        assert_eq!(plan(None)["resources"][0]["access"], "read_only");
    }

    #[test]
    fn trap_22_a_session_pins_its_agents_version_and_overrides_nothing() {
        assert_eq!(
            plan(None)["agent"],
            json!({"type": "agent", "id": "agent_1", "version": 3})
        );
    }

    #[test]
    fn trap_17_a_budget_goes_out_as_cents_in_a_text() {
        assert_eq!(plan(Some(150))["budget"]["max_list_cost"]["amount"], "150");
        assert_eq!(plan(None).get("budget"), None);
    }

    #[test]
    fn trap_30_unknown_events_are_handed_on_and_unreadable_ones_are_not() {
        let frame = |event: &str, data: &str| {
            let frame = Frame {
                event: event.to_owned(),
                data: data.to_owned(),
                seconds: 0.0,
            };
            match read(&frame) {
                Read::Event(event) => event.to_string(),
                Read::Nothing => "nothing".to_owned(),
                Read::Failed => "failed".to_owned(),
            }
        };
        let odd = r#"{"id":"sevt_1","type":"agent.hologram","x":{"y":[1]}}"#;
        assert_eq!(frame("whatever", odd), odd);
        assert_eq!(frame("ping", r#"{"type":"ping"}"#), "nothing");
        assert_eq!(frame("m", "no json"), "nothing");
        assert_eq!(frame("error", r#"{"type":"error","error":{}}"#), "failed");
    }
}
