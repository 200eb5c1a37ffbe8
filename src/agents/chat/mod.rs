//! A language model as an agent: it is given the brief and its notes, calls the desk's tools, and ends in its own words.

mod delivery;
mod ranking;
mod shelf;

use std::{ops::Range, sync::Arc};

use serde_json::json;

use crate::{
    agents::{
        Agent, Boxed, Fault, Given, Work,
        followed::followed,
        hands::{
            DeskTools, Ground, Hands, Things, in_folder,
            memories::{self, Memories, ROOT},
            servers::{Servers, Ways},
        },
        prompt::{self, Scaffold},
        shown::Shown,
    },
    chat::{End, Message, Model, Reply, Tally, Tool, ToolCall, ToolResult, Turn},
    domain::{
        memory::{Learning, Store},
        suite::Setting,
        trial::{Attempt, Stop, Usage},
    },
    draw::Key,
    environment::{Place, Workspace},
    formats::memory::part,
    http::Client,
    process::Sandbox,
};

pub use delivery::Delivery;

use shelf::Shelf;

/// How often a reply that was cut short is asked for again with twice the tokens.
const RAISES: u32 = 3;
const NO_FILES: &str = "`--delivery files` puts notes into a workspace, and this suite has none: give them by \
                        `--delivery context`, `retrieved` or `tool`";
/// How often a model may pause to go on.
const PAUSES: u32 = 20;

/// A model that attempts tasks.
#[derive(Debug)]
pub struct Chat {
    model: Model,
    delivery: Delivery,
    sandbox: Option<Sandbox>,
    ways: Ways,
}

impl Chat {
    /// An agent that plays with this model, given its notes like this.
    pub fn new(model: Model, delivery: Delivery) -> Self {
        Self {
            model,
            delivery,
            sandbox: None,
            ways: Ways::new(),
        }
    }

    /// Its commands run in this sandbox; without one they run free.
    #[must_use]
    pub fn confined(mut self, sandbox: Option<Sandbox>) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// It reaches the tool server of this name by this client.
    pub fn reaches(&mut self, server: &str, client: Arc<Client>) {
        self.ways.insert(server.to_owned(), client);
    }

    /// The model, for what it says of its provider.
    pub fn model(&self) -> &Model {
        &self.model
    }

    async fn play(&self, mut work: Work<'_>) -> Result<Attempt, Fault> {
        let opening = self.opening(&work);
        let notes = Notes::of(self.delivery, &work);
        let folder = match &work.place {
            Place::Workspace(folder) => Some(*folder),
            Place::Desk(_) | Place::Nowhere => None,
        };
        let shelf = match (self.delivery, folder) {
            (Delivery::Files, Some(folder)) => {
                Some((Shelf::put(work.store, &notes.store, folder)?, folder))
            }
            _ => None,
        };
        let ground = self.ground(&mut work)?;
        let mut hands = Hands::new(work.brief, ground, work.keep_events);
        if self.delivery == Delivery::Tool {
            hands = hands.with_memories(Memories::of(&notes.store));
        }
        if !work.kit.servers.is_empty() {
            let way = (&self.ways, work.key.word("tools"));
            let servers = Servers::ready(work.kit, folder, way, hands.tools()).await?;
            hands = hands.with_servers(servers);
        }
        let mut talk = Talk {
            model: &self.model,
            address: work.key,
            hands: hands.watching(notes.shown),
            messages: vec![Message::User(opening.first)],
            tally: Tally::default(),
        };
        let came = talk.run(&opening.system).await;
        talk.hands.rest().await;
        let taken = shelf.map_or(Ok(()), |(shelf, folder)| shelf.take_away(folder));
        let (stop, answer) = came
            .and_then(|came| taken.map(|()| came))
            .map_err(|told| Fault {
                told,
                usage: Some(talk.usage(0)),
            })?;
        let delivered = talk.delivered(notes.in_message.as_deref(), work.memory);
        let read = delivered.surfaced.iter();
        let read = read.map(|it| work.memory[usize::from(*it)].reading.words);
        Ok(Attempt {
            answer,
            stop,
            usage: talk.usage(read.sum()),
            surfaced: delivered.surfaced,
            opened: delivered.opened,
            followed: delivered.followed,
            events: talk.hands.events.unwrap_or_default(),
        })
    }

    /// What the model is told first, and the tools it has.
    fn opening(&self, work: &Work<'_>) -> Opening {
        let (desk, has_folder) = match &work.place {
            Place::Desk(desk) => (Some(&**desk), false),
            Place::Workspace(_) => (None, true),
            Place::Nowhere => (None, false),
        };
        // A forecast is asked for without a folder at hand.
        let in_folder = in_folder::tools(work.kit);
        let has_folder = has_folder || !in_folder.is_empty();
        let notes = self.delivery.notes();
        let mut tools = desk.map_or(in_folder, |desk| {
            DeskTools::of(desk, Things::Of(work.brief), &TAKEN)
                .tools()
                .to_vec()
        });
        let mut scaffold = match has_folder && !tools.is_empty() {
            true => Scaffold::in_folder(work.brief, notes),
            false => Scaffold::of(desk, notes),
        };
        if self.delivery == Delivery::Tool {
            tools.push(memories::tool());
        }
        if self.delivery == Delivery::Tool || !work.kit.servers.is_empty() {
            scaffold = scaffold.with_calls(work.brief);
        }
        let task = prompt::task(work.brief, scaffold.calls);
        let first = match self.delivery.in_message(work.brief, work.memory) {
            Some(places) => {
                let notes: Vec<_> = places
                    .iter()
                    .filter_map(|it| work.memory.get(usize::from(*it)))
                    .collect();
                prompt::with_notes(&notes, &task)
            }
            None => task,
        };
        Opening {
            system: prompt::system(work.brief, &scaffold),
            first,
            tools,
        }
    }

    fn ground<'a>(&self, work: &mut Work<'a>) -> Result<Ground<'a>, Fault> {
        Ok(match std::mem::replace(&mut work.place, Place::Nowhere) {
            Place::Nowhere => Ground::Nothing,
            Place::Desk(desk) => {
                let tools = DeskTools::of(desk, Things::Of(work.brief), &TAKEN);
                Ground::Desk(desk, tools)
            }
            Place::Workspace(folder) => {
                let tools = in_folder::tools(work.kit);
                Ground::Folder(Workspace::open(folder, self.sandbox.clone())?, tools)
            }
        })
    }
}

/// Names no tool of a desk may have: the memory tool's, in every mode, so that tools are called the same in all.
const TAKEN: [&str; 1] = [memories::MEMORY];

/// What a model is told before it says anything.
struct Opening {
    system: String,
    first: String,
    tools: Vec<Tool>,
}

/// Places of the notes that were shown, asked for and followed.
struct Delivered {
    surfaced: Vec<u16>,
    opened: Vec<u16>,
    followed: Vec<u16>,
}

/// Where a trial's notes are.
struct Notes {
    in_message: Option<Vec<u16>>,
    /// What it is given of its store, where it reads files.
    store: Store,
    shown: Shown,
}

impl Notes {
    fn of(delivery: Delivery, work: &Work<'_>) -> Self {
        let in_message = delivery.in_message(work.brief, work.memory);
        let store = match in_message {
            Some(_) => Store::default(),
            None => {
                let given: Vec<&Learning> = work.memory.iter().map(|it| it.learning).collect();
                part(work.store, &given)
            }
        };
        let shown = Shown::new(work.memory, |path| match delivery {
            Delivery::Context | Delivery::Retrieved(_) => None,
            Delivery::Tool => Some(format!("{ROOT}{path}")),
            Delivery::Files => Some(shelf::place(work.store, path)),
        });
        Self {
            in_message,
            store,
            shown,
        }
    }
}

impl Agent for Chat {
    fn name(&self) -> String {
        let mut part = format!("chat/1 {}", self.delivery.word());
        if self.sandbox.is_some() {
            part.push_str(" sandbox");
        }
        self.model.choice().named(&part)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn model(&self) -> String {
        self.model.choice().model.clone()
    }

    fn about(&self) -> String {
        self.delivery.about()
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn forecast(&self, work: &Work<'_>) -> Option<Range<f64>> {
        let choice = self.model.choice();
        let price = choice.prices.of(&choice.model)?;
        let opening = self.opening(work);
        let tools = opening.tools.iter();
        let bytes = opening.system.len()
            + opening.first.len()
            + tools
                .map(|it| it.name.len() + it.about.len() + it.schema.to_string().len())
                .sum::<usize>();
        let steps = match opening.tools.is_empty() {
            true => 0,
            false => u64::from(work.brief.limits.steps),
        };
        price.guess_attempt(bytes, steps)
    }

    fn refuses(&self, setting: &Setting) -> Option<String> {
        match setting {
            Setting::Workspace { .. } => None,
            Setting::World(_) | Setting::None => {
                (self.delivery == Delivery::Files).then(|| NO_FILES.to_owned())
            }
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
            // What commands took is.
            let left = self.seconds_left();
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
                tools: self.hands.tools(),
                max_tokens,
            };
            // Whether an answer is late or never comes is known by waiting longer than the attempt may last.
            let patience = left + f64::from(self.hands.brief.limits.seconds);
            let asked = self.model.turn(&turn, self.address, Some(patience)).await;
            let reply = asked.map_err(|fault| {
                self.tally.fail(&fault);
                fault.told
            })?;
            self.tally.add(reply.spent());
            self.tell_request(&reply);
            if self.seconds_left() <= 0.0 {
                return Ok((Stop::Seconds, None));
            }
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
                    self.act(&reply.calls).await?
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
    async fn act(&mut self, calls: &[ToolCall]) -> Result<Option<Stop>, String> {
        let mut results = Vec::with_capacity(calls.len());
        for call in calls {
            let left = self.seconds_left();
            if left <= 0.0 {
                return Ok(Some(Stop::Seconds));
            }
            let Some((text, is_error)) = self.hands.call(call, left).await? else {
                return Ok(Some(Stop::Steps));
            };
            results.push(ToolResult {
                id: call.id.clone(),
                text,
                is_error,
            });
        }
        self.messages.push(Message::Results(results));
        Ok(None)
    }

    fn seconds_left(&self) -> f64 {
        let allowed = f64::from(self.hands.brief.limits.seconds);
        allowed - self.tally.seconds() - self.hands.seconds()
    }

    /// What became of the notes a trial was given.
    fn delivered(&self, in_message: Option<&[u16]>, memory: &[Given<'_>]) -> Delivered {
        let shown = self.hands.shown();
        let mut surfaced = shown.map_or_else(Vec::new, Shown::held);
        surfaced.extend(in_message.unwrap_or_default());
        surfaced.sort_unstable();
        surfaced.dedup();
        let desk = self.hands.desk();
        let mut followed = desk.map_or_else(Vec::new, |desk| followed(memory, desk));
        // What was never shown is agreed with by chance.
        followed.retain(|it| surfaced.contains(it));
        Delivered {
            surfaced,
            opened: shown.map_or_else(Vec::new, Shown::named),
            followed,
        }
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
            seconds: Some(
                ((self.tally.seconds() + self.hands.seconds()) * 1000.0).round() / 1000.0,
            ),
            ..self.tally.usage()
        }
    }
}
