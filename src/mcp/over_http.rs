//! A server with an address ("streamable HTTP"): each message is a request, its answer JSON or a stream of events.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{
    domain::suite::{ServerReach, ToolServer},
    draw::Key,
    http::{Client, Failure, Method, Repeat, Request, Response, error_told},
    mcp::{Came, Question, read},
};

/// Seconds a reply to what a server asks may take.
const REPLY: f64 = 5.0;
/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// A server, and the session with it.
#[derive(Debug)]
pub(super) struct OverHttp {
    client: Arc<Client>,
    path: String,
    address: Key,
    session: Option<String>,
    version: Option<String>,
    asked: u64,
}

/// An address as a base and a path, so that a path keeps the end it was written with.
pub fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(end)
}

impl OverHttp {
    /// Nothing is sent yet.
    pub fn new(client: Arc<Client>, server: &ToolServer, address: Key) -> Self {
        let path = match &server.reach {
            ServerReach::Url { url, .. } => split(url).1.to_owned(),
            ServerReach::Command { .. } => String::new(),
        };
        Self {
            client,
            path,
            address: address.word(&server.name),
            session: None,
            version: None,
            asked: 0,
        }
    }

    /// The version both sides speak from now on.
    pub fn speak(&mut self, version: &str) {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
        self.version = Some(
            version
                .chars()
                .filter(|it| is_plain(*it))
                .take(40)
                .collect(),
        );
    }

    /// Asks.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<(Came, f64), String> {
        self.asked += 1;
        let number = self.asked;
        let (method, params) = (question.method, question.params);
        let body = json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params});
        let repeat = match question.is_harmless {
            true => Repeat::Freely,
            false => Repeat::Creation,
        };
        let seconds = question.left.min(question.seconds).max(0.0);
        let response = match self.heard_out(&body, repeat, seconds).await {
            Ok(response) => response,
            Err(Failure::PastLimit) => {
                let is_own_limit = question.left <= question.seconds;
                let came = if is_own_limit {
                    Came::PastLimit
                } else {
                    Came::Late
                };
                return Ok((came, seconds));
            }
            Err(failure) => return Err(told(failure)),
        };
        if let Some(session) = response.headers.get(SESSION) {
            self.session = Some(session.clone());
        }
        match read::answer(&response.body, number) {
            Some(came) => Ok((came, response.seconds)),
            // What was wrong with a message may be said without its number.
            None if matches!(response.status, 400 | 405..=499) => {
                let told = format!("error: {}", error_told(&response.body));
                Ok((Came::Refused(told), response.seconds))
            }
            None if !(200..300).contains(&response.status) => Err(format!(
                "it answered {}: {}",
                response.status,
                error_told(&response.body)
            )),
            None => Err("its answer is none to what it was asked".to_owned()),
        }
    }

    /// Sends a question, and answers what the server asks before it answers.
    async fn heard_out(
        &self,
        body: &Value,
        repeat: Repeat,
        seconds: f64,
    ) -> Result<Response, Failure> {
        let (hears, mut heard) = unbounded_channel();
        let sending = self.send(body, repeat, seconds, Some(&hears));
        tokio::pin!(sending);
        loop {
            let message = tokio::select! {
                response = &mut sending => return response,
                Some(message) = heard.recv() => message,
            };
            if let Some(reply) = read::reply(&message) {
                let replied = self.send(&reply, Repeat::Creation, REPLY, None);
                // The question goes on meanwhile; that a reply was lost shows in its answer.
                tokio::select! {
                    response = &mut sending => return response,
                    _ = replied => {}
                }
            }
        }
    }

    /// Tells it something.
    pub async fn tell(&mut self, method: &str) -> Result<(), String> {
        let body = json!({"jsonrpc": "2.0", "method": method});
        let response = self
            .send(&body, Repeat::Freely, 30.0, None)
            .await
            .map_err(told)?;
        match response.status {
            200..=299 => Ok(()),
            status => Err(format!(
                "it answered {status} to `{method}`: {}",
                error_told(&response.body)
            )),
        }
    }

    async fn send(
        &self,
        body: &Value,
        repeat: Repeat,
        seconds: f64,
        heard: Option<&UnboundedSender<Value>>,
    ) -> Result<Response, Failure> {
        let body = body.to_string();
        let headers = self.headers();
        let request = Request {
            method: Method::Post,
            path: &self.path,
            headers: &headers,
            body: Some(&body),
            repeat,
            address: self.address,
            seconds_left: Some(seconds),
            tokens: 0,
            heard,
        };
        self.client.send(&request).await
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let accept = "application/json, text/event-stream".to_owned();
        let mut headers = vec![("accept", accept)];
        headers.extend(self.session.clone().map(|it| (SESSION, it)));
        headers.extend(self.version.clone().map(|it| ("mcp-protocol-version", it)));
        headers
    }

    /// Ends the session; a server that keeps none says so, and that is as well.
    pub async fn leave(self) {
        if self.session.is_none() {
            return;
        }
        let headers = self.headers();
        let request = Request {
            method: Method::Delete,
            path: &self.path,
            headers: &headers,
            body: None,
            repeat: Repeat::Creation,
            address: self.address,
            seconds_left: Some(5.0),
            tokens: 0,
            heard: None,
        };
        let _ = self.client.send(&request).await;
    }
}

fn told(failure: Failure) -> String {
    match failure {
        Failure::NoAnswer(told) | Failure::Lost(told, _) | Failure::Tape(told) => told,
        Failure::Down(told) => format!("it is not asked any more in this run: {told}"),
        Failure::PastLimit => "no answer in time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_path_as_it_was_written() {
        assert_eq!(split("http://h:1/mcp/"), ("http://h:1", "/mcp/"));
        assert_eq!(split("https://h/a?b=c"), ("https://h", "/a?b=c"));
        assert_eq!(split("http://h"), ("http://h", ""));
    }
}
