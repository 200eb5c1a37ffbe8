//! One attempt on the platform under way: events taken, calls answered, and what it all came to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    agents::{
        Given, Work,
        followed::followed,
        hands::Hands,
        hosted::{READERS, meter::Meter},
        shown::Shown,
    },
    chat::ToolCall,
    domain::trial::{Attempt, Stop, Usage},
    hosted::{
        Platform, Trouble,
        sessions::{Running, Spent},
    },
};

/// The event that tells how a graded revision loop went.
const OUTCOME_EVENT: &str = "hosted.outcome";
/// Types of lines that are the harness's own.
const OUR_EVENTS: [&str; 2] = ["session.start", "session.outcome"];

/// One attempt under way.
pub(super) struct Talk<'a> {
    platform: &'a Platform,
    running: Running,
    hands: Hands<'a>,
    shown: Shown,
    /// Inputs of calls that have no result yet, by id.
    open: BTreeMap<String, Value>,
    /// Calls that may have to be answered, in the order they were made: id and event.
    asked: Vec<(String, Value)>,
    answered: BTreeSet<String>,
    /// Calls the session waits for whose events are still to come.
    owed: Vec<String>,
    /// Whether anything was done yet: a session is idle before it begins.
    has_worked: bool,
    /// The agent's last message.
    words: Option<String>,
    last_error: Option<String>,
    /// Results of the platform's own grader, by iteration.
    verdicts: Vec<String>,
    meter: Meter,
}

impl<'a> Talk<'a> {
    /// A session that was begun and has told nothing yet.
    pub fn new(
        platform: &'a Platform,
        running: Running,
        hands: Hands<'a>,
        memory: &[Given<'_>],
    ) -> Self {
        Self {
            platform,
            shown: shown(memory, running.mount_path.as_deref()),
            open: BTreeMap::new(),
            running,
            hands,
            asked: Vec::new(),
            answered: BTreeSet::new(),
            owed: Vec::new(),
            has_worked: false,
            words: None,
            last_error: None,
            verdicts: Vec::new(),
            meter: Meter::default(),
        }
    }

    /// Follows the session and answers it until it ends or a limit does.
    pub async fn run(&mut self) -> Result<Stop, String> {
        loop {
            let event = match self.platform.next_event(&mut self.running).await {
                Ok(event) => event,
                Err(Trouble::PastLimit) => return Ok(Stop::Seconds),
                Err(trouble) => return Err(trouble.told()),
            };
            self.look(&event);
            self.keep(&event);
            let mut stop = self.take(event).await?;
            if !self.owed.is_empty() && self.owed.iter().all(|id| self.was_asked(id)) {
                let owed = std::mem::take(&mut self.owed);
                stop = self.answer(&owed).await?;
            }
            if let Some(stop) = stop {
                return Ok(stop);
            }
        }
    }

    /// Notes which files a call that did not fail named, and what its result showed.
    fn look(&mut self, event: &Value) {
        match kind(event) {
            "agent.tool_use" => {
                let input = event.get("input").cloned().unwrap_or(Value::Null);
                self.open
                    .insert(text(event, "/id").unwrap_or_default(), input);
            }
            "agent.tool_result" => {
                let id = text(event, "/tool_use_id").unwrap_or_default();
                let input = self.open.remove(&id).unwrap_or(Value::Null);
                if event.get("is_error").and_then(Value::as_bool) != Some(true) {
                    let result = event.get("content").unwrap_or(&Value::Null);
                    self.shown.take(&input, result);
                }
            }
            _ => {}
        }
    }

    /// Every event stands in the transcript as it came; one that would be taken for a line of ours is wrapped.
    fn keep(&mut self, event: &Value) {
        if let Some(events) = &mut self.hands.events {
            let kind = kind(event);
            events.push(match OUR_EVENTS.contains(&kind) {
                true => json!({"type": "hosted.event", "event": event}),
                false => event.clone(),
            });
        }
    }

    /// What an event comes to; unknown ones to nothing.
    async fn take(&mut self, event: Value) -> Result<Option<Stop>, String> {
        let kind = kind(&event).to_owned();
        let is_work = ["user.", "agent.", "span."]
            .iter()
            .any(|it| kind.starts_with(it));
        self.meter.take(&kind, &event);
        self.has_worked |= is_work || kind == "session.status_running";
        match kind.as_str() {
            "agent.message" => self.words = words(&event),
            "agent.custom_tool_use" | "agent.tool_use" | "agent.mcp_tool_use" => {
                if let Some(id) = text(&event, "/id") {
                    self.asked.push((id, event));
                }
            }
            "span.outcome_evaluation_end" => self.verdicts.extend(text(&event, "/result")),
            "session.error" => {
                let told = text(&event, "/error/message").unwrap_or_default();
                let kind = text(&event, "/error/type").unwrap_or_else(|| "unknown".to_owned());
                self.last_error = Some(format!(
                    "{kind}: {}",
                    told.chars().take(300).collect::<String>()
                ));
            }
            // Death, whatever it was doing; what is finished is idle.
            "session.status_terminated" | "session.deleted" => {
                return Err(self.broken("its session died on the platform"));
            }
            "session.status_idle" if self.has_worked => return self.idle(&event).await,
            _ => {}
        }
        Ok(None)
    }

    /// An idle session is done only where its reason says so.
    async fn idle(&mut self, event: &Value) -> Result<Option<Stop>, String> {
        match text(event, "/stop_reason/type").as_deref() {
            Some("requires_action") => {
                let ids = event.pointer("/stop_reason/event_ids");
                let ids = ids.and_then(Value::as_array).into_iter().flatten();
                let ids: Vec<String> = ids.filter_map(Value::as_str).map(str::to_owned).collect();
                self.answer(&ids).await
            }
            Some("retries_exhausted") => {
                Err(self.broken("the platform gave up on its session after retries"))
            }
            Some("budget_reached") => Ok(Some(Stop::Budget)),
            Some("refusal") => Ok(Some(Stop::GaveUp)),
            Some(_) | None => Ok(Some(Stop::Finished)),
        }
    }

    /// Answers each call a session waits for, in the order they were made and each once.
    async fn answer(&mut self, ids: &[String]) -> Result<Option<Stop>, String> {
        let is_strange = |id: &&String| !self.was_asked(id);
        if let Some(strange) = ids.iter().find(is_strange).cloned() {
            // A stream may have lost it; the history has it then.
            let caught_up = self.platform.catch_up(&mut self.running).await;
            caught_up.map_err(|it| it.told())?;
            if !self.running.awaits(&strange) {
                return Err(format!(
                    "its session waits for an answer to `{strange}`, which it never asked"
                ));
            }
            self.owed = ids.to_vec();
            return Ok(None);
        }
        let waiting: Vec<(String, Value)> = self
            .asked
            .iter()
            .filter(|(id, _)| ids.contains(id) && !self.answered.contains(id))
            .cloned()
            .collect();
        let mut answers = Vec::with_capacity(waiting.len());
        for (id, event) in waiting {
            let answer = match kind(&event) {
                "agent.custom_tool_use" => {
                    let Some(result) = self.call(&id, &event).await else {
                        return Ok(Some(Stop::Steps));
                    };
                    result
                }
                _ => confirmation(&id, &event),
            };
            answers.push(answer);
            self.answered.insert(id);
        }
        if !answers.is_empty() {
            let sent = self.platform.send(&mut self.running, answers).await;
            sent.map_err(|it| it.told())?;
        }
        Ok(None)
    }

    fn was_asked(&self, id: &str) -> bool {
        self.asked.iter().any(|(asked, _)| asked == id)
    }

    /// Makes a call on the desk; `None` where no step is left for it.
    async fn call(&mut self, id: &str, event: &Value) -> Option<Value> {
        let call = ToolCall {
            id: id.to_owned(),
            name: text(event, "/name").unwrap_or_default(),
            input: Ok(event.get("input").cloned().unwrap_or_else(|| json!({}))),
        };
        // The desk answers at once, and the platform keeps the time.
        let (told, is_error) = self.hands.call(&call, f64::INFINITY).await.ok()??;
        Some(json!({
            "type": "user.custom_tool_result",
            "custom_tool_use_id": id,
            "content": [{"type": "text", "text": told}],
            "is_error": is_error,
        }))
    }

    fn broken(&self, what: &str) -> String {
        match &self.last_error {
            Some(error) => format!("{what}; its last error: {error}"),
            None => what.to_owned(),
        }
    }

    /// Ends what still runs, and reads what it all came to. What is not told is unknown, not zero.
    pub async fn settle(&mut self, stop: Stop) -> Spent {
        if matches!(stop, Stop::Steps | Stop::Seconds) {
            let (id, key) = (self.running.id.clone(), self.running.address());
            let _ = self.platform.interrupt(&id, key).await;
        }
        self.spent().await
    }

    /// What it has come to so far.
    pub async fn spent(&self) -> Spent {
        let read = self.platform.spent(&self.running).await;
        self.meter.complete(read.unwrap_or_default())
    }

    pub fn usage(&self, spent: Spent) -> Usage {
        Usage {
            steps: Some(self.hands.steps()),
            tool_errors: Some(self.hands.tool_errors()),
            words_read: None,
            input_tokens: spent.input,
            output_tokens: spent.output,
            cache_read_tokens: spent.cache_read,
            cache_write_tokens: spent.cache_write,
            cost_usd: spent.cost_usd,
            seconds: Some((self.running.seconds * 1000.0).round() / 1000.0),
            lost_answers: None,
        }
    }

    pub fn attempt(mut self, work: &Work<'_>, stop: Stop, spent: Spent) -> Attempt {
        if let (Some(first), Some(last), Some(events)) = (
            self.verdicts.first(),
            self.verdicts.last(),
            &mut self.hands.events,
        ) {
            events.push(json!({
                "type": OUTCOME_EVENT,
                "first_pass": first,
                "final": last,
                "iterations": self.verdicts.len(),
            }));
        }
        let opened = self.shown.named();
        // The platform's tools may show a file they were asked for in any form.
        let mut surfaced = self.shown.held();
        surfaced.extend(&opened);
        surfaced.sort_unstable();
        surfaced.dedup();
        let desk = self.hands.desk();
        let mut followed = desk.map_or_else(Vec::new, |desk| followed(work.memory, desk));
        // What was never opened is agreed with by chance.
        followed.retain(|it| surfaced.contains(it));
        let read = surfaced
            .iter()
            .filter_map(|it| work.memory.get(usize::from(*it)));
        let usage = Usage {
            steps: Some(self.hands.steps()),
            tool_errors: Some(self.hands.tool_errors()),
            words_read: Some(read.map(|it| it.reading.words).sum()),
            input_tokens: spent.input,
            output_tokens: spent.output,
            cache_read_tokens: spent.cache_read,
            cache_write_tokens: spent.cache_write,
            cost_usd: spent.cost_usd,
            seconds: Some((self.running.seconds * 1000.0).round() / 1000.0),
            lost_answers: None,
        };
        Attempt {
            answer: self.words.filter(|it| !it.is_empty()),
            stop,
            usage,
            surfaced,
            opened,
            followed,
            events: self.hands.events.unwrap_or_default(),
        }
    }
}

/// Nothing is shown yet; where the platform does not say where its files are, nothing ever is.
fn shown(memory: &[Given<'_>], mount_path: Option<&str>) -> Shown {
    let mount = mount_path
        .map(|it| it.trim_end_matches('/'))
        .filter(|it| !it.is_empty());
    Shown::new(memory, |path| mount.map(|mount| format!("{mount}{path}")))
}

/// The platform's own tools may be used where they only read; nothing else was offered.
fn confirmation(id: &str, event: &Value) -> Value {
    let name = text(event, "/name").unwrap_or_default();
    let mut answer = json!({"type": "user.tool_confirmation", "tool_use_id": id});
    if kind(event) == "agent.tool_use" && READERS.contains(&name.as_str()) {
        answer["result"] = json!("allow");
    } else {
        answer["result"] = json!("deny");
        answer["deny_message"] = json!("this tool is not for this task");
    }
    answer
}

fn kind(event: &Value) -> &str {
    event
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn text(event: &Value, at: &str) -> Option<String> {
    event.pointer(at)?.as_str().map(str::to_owned)
}

/// The words of a message; blocks of another type are passed over.
fn words(event: &Value) -> Option<String> {
    let blocks = event.get("content")?.as_array()?;
    let texts = blocks.iter().filter_map(|it| it.get("text")?.as_str());
    Some(texts.collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reading_is_confirmed() {
        let asked = |kind: &str, name: &str| {
            confirmation("t", &json!({"type": kind, "name": name}))["result"].clone()
        };
        assert_eq!(asked("agent.tool_use", "read"), "allow");
        assert_eq!(asked("agent.tool_use", "bash"), "deny");
        assert_eq!(asked("agent.mcp_tool_use", "read"), "deny");
    }
}
