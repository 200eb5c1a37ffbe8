//! A model's calls, made on the desk: what each came to, and what is told of it.

use serde_json::{Value, json};

use crate::{agents::toolbox::Toolbox, chat::ToolCall, domain::task::Brief, environment::Desk};

/// What one attempt calls tools with.
pub(super) struct Hands<'a> {
    /// What is to be done.
    pub brief: &'a Brief,
    /// Where there is one.
    pub desk: Option<&'a mut Desk>,
    /// What can be called.
    pub toolbox: Toolbox,
    /// The transcript so far; `None` where nobody asked for it.
    pub events: Option<Vec<Value>>,
    /// Calls that named nothing there is.
    strays: u32,
}

impl<'a> Hands<'a> {
    /// Hands that have done nothing yet.
    pub fn new(
        brief: &'a Brief,
        desk: Option<&'a mut Desk>,
        toolbox: Toolbox,
        keeps_events: bool,
    ) -> Self {
        Self {
            brief,
            desk,
            toolbox,
            events: keeps_events.then(Vec::new),
            strays: 0,
        }
    }

    /// What a call came to and whether that is a failure; `None` where no step is left for it.
    pub fn call(&mut self, call: &ToolCall) -> Option<(String, bool)> {
        let Some(desk) = self.desk.as_deref_mut() else {
            return self.stray(call, "there are no tools here: answer in words".to_owned());
        };
        match self.toolbox.call(call, desk, self.brief) {
            Ok(made) => {
                desk.call(made)?;
                let [used, result] = desk.last_events()?;
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
            Err(told) => self.stray(call, told),
        }
    }

    /// A call that names nothing there is: it costs a step, and says how to mend it.
    fn stray(&mut self, call: &ToolCall, told: String) -> Option<(String, bool)> {
        let is_paid = match self.desk.as_deref_mut() {
            Some(desk) => desk.misuse(),
            None => self.strays < self.brief.limits.steps,
        };
        if !is_paid {
            return None;
        }
        if let Some(events) = &mut self.events {
            let id = format!("stray-{}", self.strays);
            let input = call
                .input
                .as_ref()
                .map_or_else(|text| json!(text), Value::clone);
            events.push(
                json!({"type": "agent.tool_use", "id": id, "name": call.name, "input": input}),
            );
            events.push(json!({
                "type": "agent.tool_result",
                "tool_use_id": id,
                "is_error": true,
                "content": told,
            }));
        }
        self.strays += 1;
        Some((told, true))
    }

    /// Calls made, those that named nothing included.
    pub fn steps(&self) -> u32 {
        self.desk.as_deref().map_or(self.strays, Desk::steps)
    }

    /// Calls that were not done.
    pub fn tool_errors(&self) -> u32 {
        self.desk.as_deref().map_or(self.strays, Desk::tool_errors)
    }
}
