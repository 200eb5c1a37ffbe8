//! Servers that have tools, by the Model Context Protocol: as programs over their pipes, or over HTTP.
//!
//! Nothing a server says is trusted: names, texts, schemas and answers are bounded, what is unknown is passed over, and
//! nothing it asks of us is done.

mod over_http;
mod over_pipes;
mod read;

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use crate::{
    domain::suite::{ServerReach, ToolServer},
    draw::Key,
    http::Client,
};

use over_http::OverHttp;
use over_pipes::OverPipes;

pub use over_http::split;
pub use read::{Listed, Told};

/// The version of the protocol that is asked for; a server may answer with another.
const VERSION: &str = "2025-06-18";
/// Most pages of tools that are asked for.
const MOST_PAGES: usize = 50;
/// Most tools of one server.
const MOST_TOOLS: usize = 500;

/// What came of asking a server.
#[derive(Debug, Clone, PartialEq)]
pub enum Came {
    /// Its result.
    Result(Value),
    /// It refused, in words: a fact about the call.
    Refused(String),
    /// No answer came within its own time: a fact about the call, too.
    Late,
    /// The caller's time was over.
    PastLimit,
}

/// A server of one trial, ready to be asked.
#[derive(Debug)]
pub struct Server {
    name: String,
    seconds: f64,
    line: Wire,
    tools: Vec<Listed>,
}

#[derive(Debug)]
enum Wire {
    Pipes(Box<OverPipes>),
    Http(OverHttp),
}

/// One question.
#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    method: &'a str,
    params: &'a Value,
    /// Seconds the server may take.
    seconds: f64,
    /// Seconds the caller has left.
    left: f64,
    /// Whether it may be asked twice where nobody knows what became of it.
    is_harmless: bool,
}

impl Server {
    /// Starts or reaches a server and learns its tools. `client` is the way to one with an address, `address` the
    /// trial's own.
    ///
    /// # Errors
    /// In words: it cannot be started or reached, or does not speak the protocol.
    pub async fn ready(
        server: &ToolServer,
        folder: &Path,
        client: Option<&Arc<Client>>,
        address: Key,
    ) -> Result<Self, String> {
        let line = match (&server.reach, client) {
            (ServerReach::Command { run, pass_env }, _) => {
                let started = OverPipes::start(run, folder, pass_env);
                Wire::Pipes(Box::new(started.map_err(|it| server.fault(&it))?))
            }
            (ServerReach::Url { .. }, Some(client)) => {
                Wire::Http(OverHttp::new(Arc::clone(client), server, address))
            }
            (ServerReach::Url { .. }, None) => {
                return Err(server.fault("nobody prepared the way to it"));
            }
        };
        let mut ready = Self {
            name: server.name.clone(),
            seconds: f64::from(server.seconds),
            line,
            tools: Vec::new(),
        };
        match ready.greet().await {
            Ok(()) => Ok(ready),
            Err(told) => {
                ready.stop().await;
                Err(server.fault(&told))
            }
        }
    }

    /// The name it has in its suite.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its tools, in its order.
    pub fn tools(&self) -> &[Listed] {
        &self.tools
    }

    async fn greet(&mut self) -> Result<(), String> {
        let params = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": "dreameval", "version": env!("CARGO_PKG_VERSION")},
        });
        let greeted = self.need("initialize", &params).await?;
        let version = greeted.get("protocolVersion").and_then(Value::as_str);
        let Some(version) = version else {
            return Err("it answers `initialize` without a `protocolVersion`".to_owned());
        };
        if let Wire::Http(line) = &mut self.line {
            line.speak(version);
        }
        self.tell("notifications/initialized").await?;
        if greeted.pointer("/capabilities/tools").is_none() {
            return Ok(());
        }
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let params = match &cursor {
                Some(cursor) => json!({"cursor": cursor}),
                None => json!({}),
            };
            let page = self.need("tools/list", &params).await?;
            self.tools.extend(read::tools(&page)?);
            if MOST_TOOLS < self.tools.len() {
                return Err(format!("it has more than {MOST_TOOLS} tools"));
            }
            cursor = page
                .get("nextCursor")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if cursor.is_none() {
                return Ok(());
            }
        }
        Err(format!("its tools have more than {MOST_PAGES} pages"))
    }

    /// A result without which the server is of no use.
    async fn need(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        let question = Question {
            method,
            params,
            seconds: self.seconds,
            left: f64::INFINITY,
            is_harmless: true,
        };
        match self.ask(&question).await?.0 {
            Came::Result(result) => Ok(result),
            Came::Refused(told) => Err(format!("it refuses `{method}`: {told}")),
            Came::Late | Came::PastLimit => Err(format!(
                "it gave no answer to `{method}` within {} seconds",
                self.seconds
            )),
        }
    }

    /// Calls a tool; what it came to, and the seconds it took.
    ///
    /// # Errors
    /// In words: the server is dead, or speaks no sense.
    pub async fn call(
        &mut self,
        tool: &str,
        input: &Value,
        seconds_left: f64,
    ) -> Result<(Told, f64), String> {
        let params = json!({"name": tool, "arguments": input});
        let question = Question {
            method: "tools/call",
            params: &params,
            seconds: self.seconds,
            left: seconds_left,
            is_harmless: false,
        };
        let (came, took) = self
            .ask(&question)
            .await
            .map_err(|told| format!("the tool server `{}` is dead: {told}", self.name))?;
        let told = match came {
            Came::Result(result) => read::called(&result),
            Came::Refused(told) => Err(told),
            Came::Late => Err(format!("no answer within {} seconds", self.seconds)),
            Came::PastLimit => Err("no time was left for an answer".to_owned()),
        };
        Ok((told, took))
    }

    async fn ask(&mut self, question: &Question<'_>) -> Result<(Came, f64), String> {
        match &mut self.line {
            Wire::Pipes(line) => line.ask(question).await,
            Wire::Http(line) => line.ask(question).await,
        }
    }

    async fn tell(&mut self, method: &str) -> Result<(), String> {
        match &mut self.line {
            Wire::Pipes(line) => {
                line.tell(method).await;
                Ok(())
            }
            Wire::Http(line) => line.tell(method).await,
        }
    }

    /// Ends it, or takes leave of it.
    pub async fn stop(self) {
        match self.line {
            Wire::Pipes(line) => line.stop().await,
            Wire::Http(line) => line.leave().await,
        }
    }
}

impl ToolServer {
    fn fault(&self, told: &str) -> String {
        format!("the tool server `{}` is of no use: {told}", self.name)
    }
}
