//! A model's calls, made where the work is: at a desk, in a workspace or nowhere, and in its memory folder. What each
//! came to, what it cost, and what is told of it.

mod at_desk;
pub(super) mod in_folder;
pub(super) mod memories;
mod memory_texts;
pub(super) mod servers;

use serde_json::{Value, json};

use crate::{
    agents::shown::Shown,
    chat::{Tool, ToolCall},
    domain::task::Brief,
    environment::{Desk, Workspace},
    error::did_you_mean,
    secret::strike,
};

pub(super) use at_desk::{DeskTools, Things};
use memories::{MEMORY, Memories};
use servers::Servers;

/// Where calls are made.
#[derive(Debug)]
pub(super) enum Ground<'a> {
    /// Nowhere.
    Nothing,
    /// At a desk, with the tools of its role.
    Desk(&'a mut Desk, DeskTools),
    /// In a workspace, with the tools its suite gives.
    Folder(Workspace, Vec<Tool>),
}

/// What one attempt calls tools with.
#[derive(Debug)]
pub(super) struct Hands<'a> {
    /// What is to be done.
    pub brief: &'a Brief,
    ground: Ground<'a>,
    memories: Option<Memories>,
    shown: Option<Shown>,
    servers: Servers,
    tools: Vec<Tool>,
    /// The transcript so far; `None` where nobody asked for it.
    pub events: Option<Vec<Value>>,
    /// Calls that no desk counted, and how many of those failed.
    calls: u32,
    errors: u32,
    /// Seconds that tools took, where that was the agent's doing.
    seconds: f64,
}

/// What a call came to, and whether that is a failure.
type Said = (String, bool);

impl<'a> Hands<'a> {
    /// Hands that have done nothing yet.
    pub fn new(brief: &'a Brief, ground: Ground<'a>, keeps_events: bool) -> Self {
        let tools = match &ground {
            Ground::Nothing => Vec::new(),
            Ground::Desk(_, tools) => tools.tools().to_vec(),
            Ground::Folder(_, tools) => tools.clone(),
        };
        Self {
            brief,
            ground,
            memories: None,
            shown: None,
            servers: Servers::default(),
            tools,
            events: keeps_events.then(Vec::new),
            calls: 0,
            errors: 0,
            seconds: 0.0,
        }
    }

    /// With the memory tool, too.
    #[must_use]
    pub fn with_memories(mut self, memories: Memories) -> Self {
        self.memories = Some(memories);
        self.tools.push(memories::tool());
        self
    }

    /// With the tools of servers, too.
    #[must_use]
    pub fn with_servers(mut self, servers: Servers) -> Self {
        self.tools.extend_from_slice(servers.tools());
        self.servers = servers;
        self
    }

    /// Watching which notes results show.
    #[must_use]
    pub fn watching(mut self, shown: Shown) -> Self {
        self.shown = Some(shown);
        self
    }

    /// What can be called.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// What a call came to; `None` where no step is left for it.
    ///
    /// # Errors
    /// In words: the harness could not make it.
    pub async fn call(
        &mut self,
        call: &ToolCall,
        seconds_left: f64,
    ) -> Result<Option<Said>, String> {
        let has_step = match &self.ground {
            Ground::Desk(desk, _) => 0 < desk.steps_left(),
            Ground::Folder(..) | Ground::Nothing => self.calls < self.brief.limits.steps,
        };
        if !has_step {
            return Ok(None);
        }
        if call.name == MEMORY
            && let Some(memories) = &mut self.memories
        {
            let said = memories.call(&call.input);
            return Ok(self.aside(call, said));
        }
        if let Some(came) = self.servers.call(call, seconds_left).await {
            let (said, seconds) = came?;
            self.seconds += seconds;
            return Ok(self.aside(call, said));
        }
        let said = match &mut self.ground {
            Ground::Nothing if !self.tools.is_empty() => {
                let known = self.tools.iter().map(|it| it.name.as_str());
                let mend = did_you_mean(&call.name, "tools", known);
                Err(format!("there is no tool `{}`: {mend}", call.name))
            }
            Ground::Nothing => Err("there are no tools here: answer in words".to_owned()),
            Ground::Folder(workspace, tools) => {
                let (said, seconds) = in_folder::call(call, tools, workspace, seconds_left).await?;
                self.seconds += seconds;
                said
            }
            Ground::Desk(desk, tools) => match tools.call(call, desk, self.brief) {
                Ok(made) => {
                    if desk.call(made).is_none() {
                        return Ok(None);
                    }
                    return Ok(self.at_desk());
                }
                Err(told) => Err(told),
            },
        };
        Ok(self.aside(call, said))
    }

    /// Ends what was started for these hands.
    pub async fn rest(&mut self) {
        std::mem::take(&mut self.servers).stop().await;
    }

    /// What the desk's last call came to, as its log has it.
    fn at_desk(&mut self) -> Option<Said> {
        let [used, result] = self.desk()?.last_events()?;
        let text = result
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_error = result.get("is_error").and_then(Value::as_bool) == Some(true);
        let said = (text.to_owned(), is_error);
        if let Some(events) = &mut self.events {
            events.extend([used, result]);
        }
        Some(said)
    }

    /// A call no desk knows of, or one that names nothing there is: it costs a step, too.
    fn aside(&mut self, call: &ToolCall, said: Result<String, String>) -> Option<Said> {
        let (text, is_error) = match said {
            Ok(text) => (text, false),
            Err(told) => (told, true),
        };
        // A file of the workspace may hold what a command found.
        let text = strike(&text).into_owned();
        if let Ground::Desk(desk, _) = &mut self.ground
            && !desk.spend(is_error)
        {
            return None;
        }
        let input = call
            .input
            .as_ref()
            .map_or_else(|text| json!(text), Value::clone);
        if !is_error && let Some(shown) = &mut self.shown {
            shown.take(&input, &json!(text));
        }
        if let Some(events) = &mut self.events {
            let id = format!("aside-{}", self.calls);
            events.push(
                json!({"type": "agent.tool_use", "id": id, "name": call.name, "input": input}),
            );
            events.push(json!({
                "type": "agent.tool_result",
                "tool_use_id": id,
                "is_error": is_error,
                "content": text,
            }));
        }
        self.calls += 1;
        self.errors += u32::from(is_error);
        Some((text, is_error))
    }

    /// The desk, where there is one.
    pub fn desk(&self) -> Option<&Desk> {
        match &self.ground {
            Ground::Desk(desk, _) => Some(desk),
            Ground::Folder(..) | Ground::Nothing => None,
        }
    }

    /// What was watched.
    pub fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// Calls made, those that named nothing included.
    pub fn steps(&self) -> u32 {
        self.desk().map_or(self.calls, Desk::steps)
    }

    /// Calls that were not done.
    pub fn tool_errors(&self) -> u32 {
        self.desk().map_or(self.errors, Desk::tool_errors)
    }

    /// Seconds that commands took.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }
}
