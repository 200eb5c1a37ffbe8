//! An agent of the managed-agents platform: its notes lie in a folder it may read, the desk's tools are its own.

mod events;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    agents::{
        Agent, Boxed, Fault, Given, Work,
        followed::followed,
        hands::{DeskTools, Ground, Hands, Things},
        prompt::{self, Notes, Scaffold},
        shown::Shown,
    },
    chat::{Tool, ToolCall},
    domain::{
        id::Digest,
        memory::Learning,
        suite::Setting,
        trial::{Attempt, Stop, Usage},
    },
    environment::Place,
    formats::memory::part,
    hosted::{
        AgentPlan, AgentRef, Platform, Trouble,
        sessions::{Plan, Running, Spent},
    },
};

use events::{confirmation, kind, text, words};

/// The platform's own tools an agent has, to read its notes with; all others are off.
const READERS: [&str; 3] = ["read", "glob", "grep"];
/// Names no tool of a desk may have.
const TAKEN: [&str; 8] = [
    "bash",
    "read",
    "write",
    "edit",
    "glob",
    "grep",
    "web_fetch",
    "web_search",
];
const NO_WORKSPACE: &str = "a hosted agent works in a box of the platform, where the files of a workspace do not lie; \
                            it plays suites with a world or with none";
/// What an agent is told of its notes, the same in every arm.
const INSTRUCTIONS: &str = "Look here before you begin.";
/// The event of a transcript that says on which session of the platform it was played.
pub const SESSION_EVENT: &str = "hosted.session";
/// The event that tells how a graded revision loop went.
const OUTCOME_EVENT: &str = "hosted.outcome";
/// Types of lines that are the harness's own.
const OUR_EVENTS: [&str; 2] = ["session.start", "session.outcome"];

/// A model on the platform that attempts tasks.
#[derive(Debug)]
pub struct Hosted {
    platform: Arc<Platform>,
    choice: Choice,
}

/// Which model plays, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The model, as the platform names it.
    pub model: String,
    /// How hard it is to think; the model's default where `None`.
    pub effort: Option<String>,
    /// Most a trial may cost, in cents.
    pub budget_cents: Option<u64>,
    /// A rubric by which the platform has work revised. That is a treatment of its own, and never what grades a trial.
    pub outcome: Option<Rubric>,
}

/// What the platform's own grader holds work against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rubric {
    /// The criteria, in Markdown.
    pub text: String,
    /// Most revisions, the same in every arm.
    pub most_iterations: u32,
}

impl Hosted {
    /// An agent that plays on this platform.
    pub fn new(platform: Arc<Platform>, choice: Choice) -> Self {
        Self { platform, choice }
    }

    async fn play(&self, mut work: Work<'_>) -> Result<Attempt, Fault> {
        let (running, agent) = self.begin(&work).await.map_err(|it| it.told())?;
        let ground = match std::mem::replace(&mut work.place, Place::Nowhere) {
            Place::Desk(desk) => {
                let tools = DeskTools::of(desk, Things::Any, &TAKEN);
                Ground::Desk(desk, tools)
            }
            Place::Nowhere | Place::Workspace(_) => Ground::Nothing,
        };
        let mut hands = Hands::new(work.brief, ground, work.keep_events);
        if let Some(events) = &mut hands.events {
            events.push(json!({
                "type": SESSION_EVENT,
                "session_id": running.id,
                "agent_id": agent.id,
                "agent_version": agent.version,
                "mount_path": running.mount_path,
            }));
        }
        let id = running.id.clone();
        let mut talk = Talk {
            platform: &self.platform,
            shown: shown(work.memory, running.mount_path.as_deref()),
            open: BTreeMap::new(),
            running,
            hands,
            asked: Vec::new(),
            answered: BTreeSet::new(),
            has_worked: false,
            words: None,
            last_error: None,
            verdicts: Vec::new(),
        };
        let came = talk.run().await;
        let attempt = match came {
            Ok(stop) => {
                let spent = talk.settle(stop).await;
                Ok(talk.attempt(&work, stop, spent))
            }
            Err(told) => {
                let spent = talk.platform.spent(&talk.running).await.unwrap_or_default();
                Err(Fault {
                    usage: Some(talk.usage(spent)),
                    told,
                })
            }
        };
        // A dream reads the practice sessions later; what is still there at the end is removed then.
        if work.label.arm != "practice" || attempt.is_err() {
            let _ = self.platform.delete_session(&id, work.key).await;
        }
        attempt
    }

    async fn begin(&self, work: &Work<'_>) -> Result<(Running, AgentRef), Trouble> {
        let desk = match &work.place {
            Place::Desk(desk) => Some(&**desk),
            Place::Nowhere => None,
            Place::Workspace(_) => return Err(Trouble::Over(NO_WORKSPACE.to_owned())),
        };
        let custom = desk.map(|desk| DeskTools::of(desk, Things::Any, &TAKEN));
        let scaffold = Scaffold::of(desk, Notes::InFolder);
        let plan = AgentPlan {
            model: &self.choice.model,
            effort: self.choice.effort.as_deref(),
            system: &prompt::system(work.brief, &scaffold),
            tools: tools(custom.as_ref().map_or(&[], DeskTools::tools)),
        };
        let agent = self.platform.agent(&plan).await?;
        let environment = self.platform.environment().await?;
        let given: Vec<&Learning> = work.memory.iter().map(|it| it.learning).collect();
        // An arm without notes gets an empty store of the same name, so that arms differ in nothing else.
        let store = self
            .platform
            .shared_store(&part(work.store, &given))
            .await?;
        let label = &work.label;
        let repeat = label.repeat.to_string();
        let trial = format!("{:016x}", work.key.draw(0));
        let plan = Plan {
            agent: &agent,
            environment: &environment,
            store: &store.id,
            instructions: INSTRUCTIONS,
            title: format!("{}/{}/{repeat}", label.task, label.arm),
            purpose: &[
                ("task", label.task),
                ("arm", label.arm),
                ("repeat", &repeat),
                ("trial", &trial),
            ],
            budget_cents: self
                .choice
                .budget_cents
                .into_iter()
                .chain(work.brief.limits.cents.map(u64::from))
                .min(),
            opening: opening(
                &prompt::task(work.brief, scaffold.calls),
                self.choice.outcome.as_ref(),
            ),
            is_practice: label.arm == "practice",
            seconds: f64::from(work.brief.limits.seconds),
        };
        let running = self.platform.begin_session(&plan, work.key).await?;
        Ok((running, agent))
    }
}

impl Agent for Hosted {
    fn name(&self) -> String {
        let choice = &self.choice;
        let mut name = format!("hosted:{} hosted/1", choice.model);
        if let Some(effort) = &choice.effort {
            name.push_str(&format!(" effort={effort}"));
        }
        if let Some(cents) = choice.budget_cents {
            name.push_str(&format!(" budget_cents={cents}"));
        }
        if let Some(rubric) = &choice.outcome {
            let digest = Digest::of(rubric.text.as_bytes());
            let (rubric, most) = (digest.short(), rubric.most_iterations);
            name.push_str(&format!(" rubric={rubric} iterations={most}"));
        }
        if self.platform.is_unusual_version() {
            name.push_str(&format!(" version={}", self.platform.version()));
        }
        name
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn model(&self) -> String {
        self.choice.model.clone()
    }

    fn about(&self) -> String {
        "A model on the managed-agents platform that could open its notes in a folder. Which notes it opened is told by \
         the files its tools named and the texts they showed; which it followed, by what its calls agree with."
            .to_owned()
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn refuses(&self, setting: &Setting) -> Option<String> {
        match setting {
            Setting::Workspace { .. } => Some(NO_WORKSPACE.to_owned()),
            Setting::World(_) | Setting::None => None,
        }
    }

    fn attempt<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Attempt> {
        Box::pin(self.play(work))
    }
}

/// Nothing is shown yet; where the platform does not say where its files are, nothing ever is.
fn shown(memory: &[Given<'_>], mount_path: Option<&str>) -> Shown {
    let mount = mount_path
        .map(|it| it.trim_end_matches('/'))
        .filter(|it| !it.is_empty());
    Shown::new(memory, |path| mount.map(|mount| format!("{mount}{path}")))
}

/// The desk's tools as custom ones, after those its notes are read with.
fn tools(custom: &[Tool]) -> Value {
    let allow = json!({"type": "always_allow"});
    let readers = READERS.map(|name| json!({"name": name, "enabled": true}));
    let own = json!({
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": false, "permission_policy": allow},
        "configs": readers,
    });
    let custom = custom.iter().map(|tool| {
        json!({
            "type": "custom",
            "name": tool.name,
            "description": tool.about,
            "input_schema": tool.schema,
        })
    });
    std::iter::once(own).chain(custom).collect()
}

/// What a session begins with: a message, or an outcome, which starts the work itself. Never both.
fn opening(text: &str, outcome: Option<&Rubric>) -> Value {
    match outcome {
        None => json!({"type": "user.message", "content": [{"type": "text", "text": text}]}),
        Some(rubric) => json!({
            "type": "user.define_outcome",
            "description": text,
            "rubric": {"type": "text", "content": rubric.text},
            "max_iterations": rubric.most_iterations,
        }),
    }
}

/// One attempt under way.
struct Talk<'a> {
    platform: &'a Platform,
    running: Running,
    hands: Hands<'a>,
    shown: Shown,
    /// Inputs of calls that have no result yet, by id.
    open: BTreeMap<String, Value>,
    /// Calls that may have to be answered, in the order they were made: id and event.
    asked: Vec<(String, Value)>,
    answered: BTreeSet<String>,
    /// Whether anything was done yet: a session is idle before it begins.
    has_worked: bool,
    /// The agent's last message.
    words: Option<String>,
    last_error: Option<String>,
    /// Results of the platform's own grader, by iteration.
    verdicts: Vec<String>,
}

impl Talk<'_> {
    /// Follows the session and answers it until it ends or a limit does.
    async fn run(&mut self) -> Result<Stop, String> {
        loop {
            let event = match self.platform.next_event(&mut self.running).await {
                Ok(event) => event,
                Err(Trouble::PastLimit) => return Ok(Stop::Seconds),
                Err(trouble) => return Err(trouble.told()),
            };
            self.look(&event);
            self.keep(&event);
            if let Some(stop) = self.take(event).await? {
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
        if let Some(unknown) = ids
            .iter()
            .find(|id| !self.asked.iter().any(|it| it.0 == **id))
        {
            return Err(format!(
                "its session waits for an answer to `{unknown}`, which it never asked"
            ));
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
    async fn settle(&mut self, stop: Stop) -> Spent {
        if matches!(stop, Stop::Steps | Stop::Seconds) {
            let (id, key) = (self.running.id.clone(), self.running.address());
            let _ = self.platform.interrupt(&id, key).await;
        }
        self.platform.spent(&self.running).await.unwrap_or_default()
    }

    fn usage(&self, spent: Spent) -> Usage {
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
        }
    }

    fn attempt(mut self, work: &Work<'_>, stop: Stop, spent: Spent) -> Attempt {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_18_a_session_begins_with_a_message_or_an_outcome_and_never_both() {
        assert_eq!(opening("Do it.", None)["type"], "user.message");
        let rubric = Rubric {
            text: "# R".to_owned(),
            most_iterations: 2,
        };
        let outcome = opening("Do it.", Some(&rubric));
        assert_eq!(outcome["type"], "user.define_outcome");
        assert_eq!(outcome["max_iterations"], 2);
        assert_eq!(outcome["description"], "Do it.");
    }

    #[test]
    fn trap_20_no_subagents_and_no_tool_that_could_write_or_leave_are_turned_on() {
        let tools = tools(&[]);
        assert_eq!(tools[0]["default_config"]["enabled"], false);
        let names: Vec<&Value> = tools[0]["configs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| &it["name"])
            .collect();
        assert_eq!(names, ["read", "glob", "grep"]);
        assert_eq!(tools.as_array().map(Vec::len), Some(1));
    }
}
