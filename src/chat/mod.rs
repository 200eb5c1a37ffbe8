//! One turn of a language model, whichever protocol its provider speaks. Tools are not run here.

mod anthropic;
mod asking;
mod choice;
mod fence;
mod openai;
mod prices;
mod table;
mod tally;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    draw::Key,
    error::{Error, Result},
    http::{
        Client, Credential, Failure, Limits, Method, Repeat, Request, Response, Settings,
        Transport, error_told, number_at, text_at,
    },
};

pub use asking::{Again, Question, TRIES};
pub use choice::{Choice, Provider};
pub use fence::Fence;
pub use prices::{LongPrice, Price, Prices};
pub use table::{HOSTED, Listed, Table};
pub use tally::Tally;

use choice::NEW_VERSION;

/// What a model is sent.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// What it is to be.
    pub system: &'a str,
    /// What was said so far, ending with what it is to answer.
    pub messages: &'a [Message],
    /// What it may call.
    pub tools: &'a [Tool],
    /// Most tokens it may write.
    pub max_tokens: u32,
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Up to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, in words.
    pub about: String,
    /// The JSON schema of its input.
    pub schema: Value,
    /// The type by which Anthropic's models know it without being told more, where they do.
    pub built_in: Option<&'static str>,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// What the harness says.
    User(String),
    /// What the model said, exactly as received.
    Model(Value),
    /// What its calls came to, all of them, in their order.
    Results(Vec<ToolResult>),
}

/// What one call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The call's id.
    pub id: String,
    /// What the tool said.
    pub text: String,
    /// Whether it failed.
    pub is_error: bool,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Its words, without its thinking.
    pub text: String,
    /// The tools it calls; where there are any, it waits for them whatever `end` says.
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub end: End,
    /// What it consumed.
    pub tokens: Tokens,
    /// Dollars; `None` where tokens or prices are unknown.
    pub cost_usd: Option<f64>,
    /// How the provider names the answer.
    pub ids: Ids,
    /// What goes back as [`Message::Model`].
    pub raw: Value,
    /// From sending to the last byte.
    pub seconds: f64,
    /// Answers before it that were lost.
    pub lost: u32,
}

/// What one answer took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// What it consumed.
    pub tokens: Tokens,
    /// Dollars; `None` where tokens or prices are unknown.
    pub cost_usd: Option<f64>,
    /// From sending to the last byte.
    pub seconds: f64,
    /// Answers before it that were lost: cut, or of no use.
    pub lost: u32,
}

impl Reply {
    /// What it took.
    pub fn spent(&self) -> Spent {
        Spent {
            tokens: self.tokens,
            cost_usd: self.cost_usd,
            seconds: self.seconds,
            lost: self.lost,
        }
    }
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The id its result names; made up where the server gave none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The input, or the text that was to be JSON and is not.
    pub input: std::result::Result<Value, String>,
}

/// Names of an answer, for a provider's support.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// The message.
    pub message: Option<String>,
    /// The request.
    pub request: Option<String>,
    /// The model that answered; an alias may have been asked.
    pub model: Option<String>,
}

/// Why a model ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It has said what it had to say.
    Done,
    /// It waits for its tools.
    Calls,
    /// It wrote as many tokens as it may.
    MaxTokens,
    /// It wrote a text it was to stop at.
    StopText,
    /// It wants to go on: send what it said back as it is.
    Paused,
    /// It, or its provider, refused.
    Refused,
    /// There is no room left for more.
    ContextFull,
    /// Something this program does not know.
    Other(String),
}

/// More tokens than this one answer never takes: who says so says nothing.
const MOST_BELIEVED: u64 = 1_000_000_000;

/// Tokens of one request or several; null is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that no cache held.
    pub input: Option<u64>,
    /// Output, thinking included.
    pub output: Option<u64>,
    /// Input read from a cache.
    pub cache_read: Option<u64>,
    /// Input written to a cache.
    pub cache_write: Option<u64>,
    /// The part of the output that was thinking.
    pub thinking: Option<u64>,
}

impl Tokens {
    /// Without what cannot be.
    fn believed(self) -> Self {
        let all = [self.input, self.output, self.cache_read, self.cache_write];
        let fits = |it: u64| it <= MOST_BELIEVED;
        match all.into_iter().flatten().all(fits) {
            true => self,
            false => Self::default(),
        }
    }

    /// The sum; what one of the two does not know is unknown.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        Self {
            input: sum(self.input, other.input),
            output: sum(self.output, other.output),
            cache_read: sum(self.cache_read, other.cache_read),
            cache_write: sum(self.cache_write, other.cache_write),
            thinking: sum(self.thinking, other.thinking),
        }
    }
}

/// Why there is no reply: the provider let us down.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fault {
    /// How, in words.
    pub told: String,
    /// What an answer took that cannot be read.
    pub spent: Option<Spent>,
    /// Answers that were lost, and may be billed all the same.
    pub lost: u32,
}

impl Fault {
    fn plain(told: String) -> Self {
        Self {
            told,
            ..Self::default()
        }
    }
}

/// A model that can be asked.
#[derive(Debug)]
pub struct Model {
    choice: Choice,
    client: Arc<Client>,
}

impl Model {
    /// A model behind a connection of its own. `settings` says how it is reached; address and key are filled in here.
    ///
    /// # Errors
    /// A key is missing, a setting does not suit the model, or the connection cannot be prepared.
    pub fn new(mut choice: Choice, settings: Settings) -> Result<Self> {
        let provider = choice.provider;
        let is_offline = matches!(settings.transport, Transport::Replay(_) | Transport::Closed);
        let has_key = choice.key.as_ref().is_some_and(|it| !it.is_empty());
        if !has_key && choice.base_url.is_none() && !is_offline {
            return Err(
                Error::usage(format!("`{}` asks for a key", provider.word())).mend(format!(
                    "set {}, or name a server of your own with `--base-url`",
                    choice
                        .key_variable
                        .as_deref()
                        .unwrap_or(provider.key_variable())
                )),
            );
        }
        let refuses = provider == Provider::Anthropic
            && (choice.version == NEW_VERSION || anthropic::refuses_temperature(&choice.model));
        if choice.temperature.is_some() && refuses {
            return Err(
                Error::usage(format!("`{}` takes no temperature", choice.model))
                    .mend("leave it out; repeats measure the spread"),
            );
        }
        let is_bearer = provider == Provider::OpenAi || choice.version == NEW_VERSION;
        let credential = choice
            .key
            .take()
            .filter(|it| !it.is_empty())
            .map(|secret| Credential {
                header: if is_bearer {
                    "authorization"
                } else {
                    "x-api-key"
                }
                .to_owned(),
                secret,
                is_bearer,
            });
        let base = choice
            .base_url
            .clone()
            .unwrap_or_else(|| provider.address().to_owned());
        let base = base.trim_end_matches('/');
        let base_url = match provider {
            Provider::Anthropic => base.strip_suffix("/v1").unwrap_or(base).to_owned(),
            Provider::OpenAi => base.to_owned(),
        };
        let client = Client::new(Settings {
            base_url,
            credential,
            ..settings
        })?;
        Ok(Self {
            choice,
            client: Arc::new(client),
        })
    }

    /// What was chosen; the key is not in it.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Where it is asked.
    pub fn address(&self) -> &str {
        self.choice
            .base_url
            .as_deref()
            .unwrap_or(self.choice.provider.address())
    }

    /// The pace its provider allows, as far as it was set or told.
    pub fn allowed(&self) -> Limits {
        self.client.allowed()
    }

    /// Why the provider is not asked any more, once that is so.
    pub fn down(&self) -> Option<String> {
        self.client.down()
    }

    /// Asks for one reply. `address` is the asking trial's own; an exchange is waited for `patience` seconds where that
    /// is less than the provider may take.
    ///
    /// # Errors
    /// There is no reply, or none that can be read.
    pub async fn turn(
        &self,
        turn: &Turn<'_>,
        address: Key,
        patience: Option<f64>,
    ) -> std::result::Result<Reply, Fault> {
        let (path, headers, body) = match self.choice.provider {
            Provider::Anthropic => {
                let version = ("anthropic-version", self.choice.version.clone());
                (
                    "/v1/messages",
                    vec![version],
                    anthropic::body(&self.choice, turn),
                )
            }
            Provider::OpenAi => (
                "/chat/completions",
                Vec::new(),
                openai::body(&self.choice, turn),
            ),
        };
        let body = body
            .map_err(|fault| Fault::plain(format!("the request could not be written: {fault}")))?;
        // About four bytes make a token; the true count is settled below.
        let estimate = body.len() as u64 / 4;
        let request = Request {
            method: Method::Post,
            path,
            headers: &headers,
            body: Some(&body),
            repeat: Repeat::Freely,
            address,
            seconds_left: patience,
            tokens: estimate,
            heard: None,
        };
        let response = self
            .client
            .send(&request)
            .await
            .map_err(|failure| self.fault(failure, patience))?;
        let spent = self.spent(&response);
        if let (Some(input), Some(output)) = (spent.tokens.input, spent.tokens.output) {
            self.client.settle(estimate, input.saturating_add(output));
        }
        match self.read(&response) {
            Ok(reply) => Ok(Reply {
                tokens: spent.tokens,
                cost_usd: spent.cost_usd,
                ..reply
            }),
            // An answer that says nothing of tokens took none where it is an error, and else nobody knows how many.
            Err(told) => Err(Fault {
                told,
                spent: (spent.tokens != Tokens::default()).then_some(spent),
                lost: spent.lost + u32::from(!response.is_error()),
            }),
        }
    }

    /// What an answer says it took, whether or not the rest of it can be read.
    fn spent(&self, response: &Response) -> Spent {
        let tokens = match self.choice.provider {
            Provider::Anthropic => anthropic::tokens(&response.body),
            Provider::OpenAi => openai::tokens(&response.body),
        }
        .believed();
        let price = self.choice.prices.of(&self.choice.model);
        Spent {
            tokens,
            cost_usd: price.and_then(|price| price.cost(&tokens)),
            seconds: response.seconds,
            lost: response.lost,
        }
    }

    fn read(&self, response: &Response) -> std::result::Result<Reply, String> {
        let name = self.choice.provider.word();
        if response.is_error() {
            let told = error_told(&response.body);
            let mend = match told.contains("max_completion_tokens") {
                true if !self.choice.completion_tokens => {
                    "; `completion_tokens = true` in the table of models says so"
                }
                _ => "",
            };
            return Err(format!("{name} answered {}: {told}{mend}", response.status));
        }
        let mut reply = match self.choice.provider {
            Provider::Anthropic => anthropic::reply(&response.body),
            Provider::OpenAi => openai::reply(&response.body),
        }
        .map_err(|what| format!("{name} sent a reply that cannot be read: {what}"))?;
        reply.ids = Ids {
            message: text_at(&response.body, "/id"),
            request: response
                .headers
                .get("request-id")
                .or_else(|| response.headers.get("x-request-id"))
                .cloned(),
            model: text_at(&response.body, "/model"),
        };
        (reply.seconds, reply.lost) = (response.seconds, response.lost);
        Ok(reply)
    }

    fn fault(&self, failure: Failure, patience: Option<f64>) -> Fault {
        let name = self.choice.provider.word();
        match failure {
            Failure::PastLimit => {
                let told = format!("no answer in {:.0} s", patience.unwrap_or_default());
                self.client.note_silence(&told);
                Fault {
                    told: format!("{name} gave {told}"),
                    lost: 1,
                    ..Fault::default()
                }
            }
            Failure::NoAnswer(told) => Fault::plain(format!("{name} gave no answer: {told}")),
            Failure::Lost(told, lost) => Fault {
                lost,
                ..Fault::plain(format!("{name} gave no answer: {told}"))
            },
            Failure::Down(told) => {
                Fault::plain(format!("{name} is not asked any more in this run: {told}"))
            }
            Failure::Tape(told) => Fault::plain(told),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_are_told_in_every_shape_servers_use() {
        let told = |body| error_told(&body);
        let anthropic = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "too\nlong"}});
        assert_eq!(told(anthropic), "invalid_request_error: too long");
        assert_eq!(
            told(json!({"error": {"message": "no", "type": "x", "code": "y"}})),
            "y: no"
        );
        assert_eq!(told(json!({"error": "no model"})), "no model");
        assert_eq!(told(json!({"detail": "not found"})), "not found");
        assert_eq!(told(json!("Bad Gateway")), "Bad Gateway");
        assert_eq!(told(json!({"oops": 1})), "{\"oops\":1}");
    }

    #[test]
    fn a_sum_knows_only_what_all_its_parts_know() {
        let one = Tokens {
            input: Some(3),
            output: Some(4),
            ..Tokens::default()
        };
        let other = Tokens {
            input: Some(5),
            ..one
        };
        assert_eq!(one.plus(other).input, Some(8));
        assert_eq!(one.plus(Tokens::default()).input, None);
        assert_eq!(one.plus(other).cache_read, None);
    }

    #[test]
    fn trap_23_no_temperature_where_it_is_refused_and_never_a_seed() {
        let with = |model: &str, version: &str| {
            let choice = Choice {
                temperature: Some(0.0),
                version: version.to_owned(),
                base_url: Some("http://localhost:1".to_owned()),
                ..Choice::new(Provider::Anthropic, model)
            };
            Model::new(choice, Settings::new("")).is_ok()
        };
        assert!(with("claude-sonnet-4-5", choice::VERSION));
        assert!(!with("claude-sonnet-4-5", NEW_VERSION));
        assert!(!with("claude-opus-4-7", choice::VERSION));
        assert!(!with("claude-opus-5", choice::VERSION));
        let choice = Choice::new(Provider::Anthropic, "claude-opus-5");
        let turn = Turn {
            system: "s",
            messages: &[],
            tools: &[],
            max_tokens: 9,
        };
        let body = anthropic::body(&choice, &turn).unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        for key in ["temperature", "top_p", "top_k", "seed"] {
            assert_eq!(body.get(key), None, "{key}");
        }
    }
}
