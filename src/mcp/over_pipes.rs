//! A server that is a program: messages are lines on its pipes.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    mcp::{Came, Question, read},
    process::{Companion, Line},
};

/// Longest message, in bytes.
const LONGEST: usize = 4 << 20;
/// Lines between a question and its answer.
const MOST_BETWEEN: usize = 10_000;

/// A running server.
#[derive(Debug)]
pub(super) struct OverPipes {
    program: Companion,
    asked: u64,
}

impl OverPipes {
    /// Starts one.
    pub fn start(run: &[String], folder: &Path, pass: &[String]) -> Result<Self, String> {
        let program = Companion::start(run, folder, pass).map_err(|it| it.what().to_owned())?;
        Ok(Self { program, asked: 0 })
    }

    /// Asks, and waits for the answer; what it says meanwhile is passed over.
    pub async fn ask(&mut self, question: &Question<'_>) -> Result<(Came, f64), String> {
        self.asked += 1;
        let began = Instant::now();
        let is_own_limit = question.left <= question.seconds;
        let seconds = question.left.min(question.seconds).max(0.0);
        let deadline = began + Duration::from_secs_f64(seconds.min(86_400.0));
        let number = self.asked;
        let (method, params) = (question.method, question.params);
        let asked = json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params});
        self.program.say(&asked.to_string(), deadline).await;
        for _ in 0..MOST_BETWEEN {
            match self.program.hear(LONGEST, deadline).await {
                Line::Said(line) => {
                    // Some print what is no message; it says nothing.
                    let Ok(message) = serde_json::from_str::<Value>(&line) else {
                        continue;
                    };
                    if let Some(came) = read::answer(&message, number) {
                        return Ok((came, began.elapsed().as_secs_f64()));
                    }
                    self.reply(&message, deadline).await;
                }
                Line::Silence => {
                    let params = json!({"requestId": number});
                    let told = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
                    self.program
                        .say(&told.to_string(), deadline + Duration::from_millis(100))
                        .await;
                    let came = if is_own_limit {
                        Came::PastLimit
                    } else {
                        Came::Late
                    };
                    return Ok((came, began.elapsed().as_secs_f64()));
                }
                Line::TooLong => {
                    return Err(format!("it wrote a line of more than {LONGEST} bytes"));
                }
                Line::Gone => {
                    let words = self.program.last_words().await;
                    return Err(match words.is_empty() {
                        true => "it ended".to_owned(),
                        false => format!("it ended; its last words: {words}"),
                    });
                }
            }
        }
        Err(format!(
            "it said {MOST_BETWEEN} things and answered nothing"
        ))
    }

    /// Answers what a server asks: that we are there, and nothing else.
    async fn reply(&mut self, message: &Value, deadline: Instant) {
        if let Some(reply) = read::reply(message) {
            self.program.say(&reply.to_string(), deadline).await;
        }
    }

    /// Tells it something.
    pub async fn tell(&mut self, method: &str) {
        let told = json!({"jsonrpc": "2.0", "method": method});
        let deadline = Instant::now() + Duration::from_secs(5);
        self.program.say(&told.to_string(), deadline).await;
    }

    /// Ends it, and whatever it started.
    pub async fn stop(self) {
        self.program.stop().await;
    }
}
