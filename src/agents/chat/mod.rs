//! A language model as an agent: it is given the brief and its notes, calls the desk's tools, and ends in its own words.

use std::ops::Range;

use serde_json::json;

use crate::{
    agents::{
        Agent, Boxed, Fault, Work,
        followed::followed,
        hands::Hands,
        prompt::{self, Notes},
        toolbox::{Things, Toolbox},
    },
    chat::{self, End, Message, Model, Reply, Tally, ToolCall, ToolResult, Turn},
    domain::{
        suite::Setting,
        trial::{Attempt, Stop, Usage},
    },
    draw::Key,
    environment::Place,
};

/// How often a reply that was cut short is asked for again with twice the tokens.
const RAISES: u32 = 3;
const NO_WORKSPACE: &str =
    "a chat model has no tools for a workspace yet; it plays suites with a world or with none";
/// What a forecast takes for granted: bytes of a token, turns of a quick attempt, tokens each turn adds.
const BYTES_A_TOKEN: u64 = 4;
const FEW_TURNS: u64 = 4;
const TOKENS_A_TURN: u64 = 150;
/// How often a model may pause to go on.
const PAUSES: u32 = 20;

/// How notes reach the model; a part of the agent's name, so that arms of different modes are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Every note a trial is given stands in its first message.
    Context,
}

impl Delivery {
    fn word(self) -> &'static str {
        match self {
            Delivery::Context => "context",
        }
    }
}

/// A model that attempts tasks.
#[derive(Debug)]
pub struct Chat {
    model: Model,
    delivery: Delivery,
}

impl Chat {
    /// An agent that plays with this model.
    pub fn new(model: Model, delivery: Delivery) -> Self {
        Self { model, delivery }
    }

    /// The model, for what it says of its provider.
    pub fn model(&self) -> &Model {
        &self.model
    }

    async fn play(&self, work: Work<'_>) -> Result<Attempt, Fault> {
        let desk = match work.place {
            Place::Desk(desk) => Some(desk),
            Place::Nowhere => None,
            Place::Workspace(_) => {
                return Err(NO_WORKSPACE.into());
            }
        };
        let toolbox = desk.as_deref().map_or_else(Toolbox::default, |desk| {
            Toolbox::of(desk, Things::Of(work.brief), &[])
        });
        let system = prompt::system(work.brief, desk.as_deref(), Notes::InMessage);
        let first = prompt::first_message(work.brief, work.memory, desk.as_deref());
        let mut talk = Talk {
            model: &self.model,
            address: work.key,
            hands: Hands::new(work.brief, desk, toolbox, work.keep_events),
            messages: vec![Message::User(first)],
            tally: Tally::default(),
        };
        let (stop, answer) = talk.run(&system).await.map_err(|told| Fault {
            told,
            usage: Some(talk.usage(0)),
        })?;
        let desk = talk.hands.desk.as_deref();
        let followed = desk.map_or_else(Vec::new, |desk| followed(work.memory, desk));
        let given = work.memory.iter();
        Ok(Attempt {
            answer,
            stop,
            usage: talk.usage(given.map(|it| it.reading.words).sum()),
            surfaced: (0..).take(work.memory.len()).collect(),
            followed,
            events: talk.hands.events.unwrap_or_default(),
        })
    }
}

impl Agent for Chat {
    fn name(&self) -> String {
        let part = format!("chat/1 {}", self.delivery.word());
        self.model.choice().named(&part)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn model(&self) -> String {
        self.model.choice().model.clone()
    }

    fn about(&self) -> String {
        "A language model that was given every note in its first message. Which notes it followed is told by what its \
         calls agree with."
            .to_owned()
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn forecast(&self, work: &Work<'_>) -> Option<Range<f64>> {
        let choice = self.model.choice();
        let price = choice.prices.of(&choice.model)?;
        let desk = match &work.place {
            Place::Desk(desk) => Some(&**desk),
            Place::Nowhere | Place::Workspace(_) => None,
        };
        let toolbox = desk.map_or_else(Toolbox::default, |desk| {
            Toolbox::of(desk, Things::Of(work.brief), &[])
        });
        let tools = toolbox.tools().iter();
        let bytes = prompt::system(work.brief, desk, Notes::InMessage).len()
            + prompt::first_message(work.brief, work.memory, desk).len()
            + tools
                .map(|it| it.name.len() + it.about.len() + it.schema.to_string().len())
                .sum::<usize>();
        let first = bytes as u64 / BYTES_A_TOKEN;
        let most = u64::from(work.brief.limits.steps) + 1;
        let least = if desk.is_some() {
            FEW_TURNS.min(most)
        } else {
            1
        };
        let most = if desk.is_some() { most } else { 1 };
        let dollars = |turns: u64| {
            let input = (0..turns).map(|turn| first + turn * TOKENS_A_TURN).sum();
            price.cost(&chat::Tokens {
                input: Some(input),
                output: Some(turns * TOKENS_A_TURN),
                ..chat::Tokens::default()
            })
        };
        Some(dollars(least)?..dollars(most)?)
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

/// One attempt under way.
struct Talk<'a> {
    model: &'a Model,
    address: Key,
    hands: Hands<'a>,
    messages: Vec<Message>,
    tally: Tally,
}

impl Talk<'_> {
    /// Asks and acts until the model ends or a limit does.
    async fn run(&mut self, system: &str) -> Result<(Stop, Option<String>), String> {
        let usual = self.model.choice().max_tokens;
        let most = usual.saturating_mul(1 << RAISES);
        let (mut max_tokens, mut pauses) = (usual, 0);
        loop {
            // Only the exchanges that were answered count: waits for a busy provider are not the agent's doing.
            let left = f64::from(self.hands.brief.limits.seconds) - self.tally.seconds();
            if left <= 0.0 {
                return Ok((Stop::Seconds, None));
            }
            if let Some(cents) = self.hands.brief.limits.cents
                && self.tally.has_spent(cents)
            {
                return Ok((Stop::Budget, None));
            }
            let turn = Turn {
                system,
                messages: &self.messages,
                tools: self.hands.toolbox.tools(),
                max_tokens,
            };
            let reply = match self.model.turn(&turn, self.address, Some(left)).await {
                Ok(reply) => reply,
                Err(chat::Fault::PastLimit) => return Ok((Stop::Seconds, None)),
                Err(chat::Fault::Provider(told)) => return Err(told),
            };
            self.tally.add(&reply);
            self.tell_request(&reply);
            // What was cut may have lost half a call, so it is asked for again and not answered.
            if reply.end == End::MaxTokens && max_tokens < most {
                max_tokens = max_tokens.saturating_mul(2);
                continue;
            }
            self.tell_words(&reply.text);
            let stop = match reply.end {
                End::MaxTokens | End::ContextFull => Some(Stop::Budget),
                End::Refused => Some(Stop::GaveUp),
                End::Done | End::Calls | End::StopText | End::Paused | End::Other(_)
                    if !reply.calls.is_empty() =>
                {
                    self.messages.push(Message::Model(reply.raw));
                    self.act(&reply.calls)
                }
                End::Paused => {
                    pauses += 1;
                    self.messages.push(Message::Model(reply.raw));
                    (PAUSES < pauses).then_some(Stop::Budget)
                }
                End::Done | End::Calls | End::StopText | End::Other(_) => Some(Stop::Finished),
            };
            if let Some(stop) = stop {
                return Ok((stop, Some(reply.text).filter(|it| !it.is_empty())));
            }
        }
    }

    /// Makes every call of a reply, in order, and adds what they came to; tells where the step limit ended it.
    fn act(&mut self, calls: &[ToolCall]) -> Option<Stop> {
        let mut results = Vec::with_capacity(calls.len());
        for call in calls {
            let Some((text, is_error)) = self.hands.call(call) else {
                return Some(Stop::Steps);
            };
            results.push(ToolResult {
                id: call.id.clone(),
                text,
                is_error,
            });
        }
        self.messages.push(Message::Results(results));
        None
    }

    fn tell_words(&mut self, text: &str) {
        if let Some(events) = self.hands.events.as_mut().filter(|_| !text.is_empty()) {
            let content = json!([{"type": "text", "text": text}]);
            events.push(json!({"type": "agent.message", "content": content}));
        }
    }

    fn tell_request(&mut self, reply: &Reply) {
        let Some(events) = &mut self.hands.events else {
            return;
        };
        let end = match &reply.end {
            End::Done => "end_turn",
            End::Calls => "tool_use",
            End::MaxTokens => "max_tokens",
            End::StopText => "stop_sequence",
            End::Paused => "pause_turn",
            End::Refused => "refusal",
            End::ContextFull => "model_context_window_exceeded",
            End::Other(word) => word,
        };
        events.push(json!({
            "type": "span.model_request_end",
            "is_error": false,
            "model_usage": {
                "input_tokens": reply.tokens.input,
                "output_tokens": reply.tokens.output,
                "cache_read_input_tokens": reply.tokens.cache_read,
                "cache_creation_input_tokens": reply.tokens.cache_write,
            },
            "stop_reason": end,
            "model": reply.ids.model,
            "message_id": reply.ids.message,
            "request_id": reply.ids.request,
        }));
    }

    fn usage(&self, words_read: u32) -> Usage {
        Usage {
            steps: Some(self.hands.steps()),
            tool_errors: Some(self.hands.tool_errors()),
            words_read: Some(words_read),
            ..self.tally.usage()
        }
    }
}
