//! `doctor`: what a run would need, tried with one cheap call before anything is spent.

use std::sync::Arc;

use serde_json::json;

use crate::{
    chat::{Message, Model, Reply, Tool, Turn},
    cli::{
        args::DoctorArgs,
        commands::{
            reach::{Reach, names_hosted, names_model},
            runtime, settle,
        },
        exit::Exit,
        speech,
    },
    domain::halt::Halt,
    draw::Key,
    error::{Error, Result, count},
    process::{PREFIX, Program},
};

/// Most tokens of the one reply; enough for models that think before they call.
const MOST_TOKENS: u32 = 1024;
/// Seconds the one exchange may take.
const SECONDS: f64 = 120.0;

/// Tries who was named and tells what was found.
pub fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let named = [
        ("agent", &args.agent),
        ("dreamer", &args.dreamer),
        ("judge", &args.judge),
    ];
    let named: Vec<(&str, &String)> = named
        .into_iter()
        .filter_map(|(role, word)| Some((role, word.as_ref()?)))
        .collect();
    // `--base-url` is meant for the first model that is named, as in a run.
    let mut models = named.iter().map(|it| it.1.as_str());
    let first = models.find(|it| names_model(it)).unwrap_or_default();
    let mut exit = Exit::Done;
    for (role, word) in &named {
        if 1 < named.len() {
            speech::answer(&format!("{role:10} {word}"));
        }
        let found = examine(args, role, (word, first))?;
        if found != Exit::Done {
            exit = found;
        }
    }
    Ok(exit)
}

fn examine(args: &DoctorArgs, role: &str, (word, first): (&str, &str)) -> Result<Exit> {
    if let Some(program) = word.strip_prefix(PREFIX) {
        settle::passed(&args.pass_env)?;
        let program = Program::parse(program)?.found()?;
        speech::answer(&format!(
            "program    `{}` is there; what it says is known once it is run (docs/programs.md)",
            program.called()
        ));
        return Ok(Exit::Done);
    }
    if names_hosted(word) {
        return platform(args, role, word);
    }
    if !names_model(word) {
        settle::check_built_in(role, word)?;
        speech::answer(&format!(
            "`{word}` is part of this program: it needs no key and no network"
        ));
        return Ok(Exit::Done);
    }
    let halt = Arc::new(Halt::default());
    let reach = Reach::new(&settle::network(&args.models), first, &halt)?.at_once();
    let model = reach.model(word)?;
    let reply =
        runtime()?
            .block_on(ask(&model))
            .map_err(|fault| match reach.missing_key(word) {
                Some(variable) => fault.because(format!("no key was sent: {variable} is not set")),
                None => fault,
            })?;
    speech::answer(&told(&model, &reply, role));
    // Dreamers and judges have no tools.
    match role == "agent" && reply.calls.is_empty() {
        false => Ok(Exit::Done),
        true => Ok(Exit::Outside),
    }
}

/// Looks at each part of the managed-agents platform; nothing is made there.
fn platform(args: &DoctorArgs, role: &str, word: &str) -> Result<Exit> {
    let halt = Arc::new(Halt::default());
    let reach = Reach::new(&settle::network(&args.models), word, &halt)?.at_once();
    let platform = reach.platform(word)?;
    let model = reach.hosted_model(word)?;
    let parts = runtime()?.block_on(platform.look_around(&model));
    let width = parts.iter().map(|it| it.0.len()).max().unwrap_or(0) + 2;
    let lines = parts.iter().map(|(part, found)| match found {
        Ok(told) => format!("{part:width$}{told}"),
        Err(trouble) => format!("{part:width$}cannot be used: {}", trouble.told()),
    });
    speech::answer(&lines.collect::<Vec<_>>().join("\n"));
    // Dreams are a preview of their own; agents can be hosted without them.
    let is_needed = |part: &str| part != "dreams" || role == "dreamer";
    match parts.iter().any(|it| is_needed(it.0) && it.1.is_err()) {
        true => Ok(Exit::Outside),
        false => Ok(Exit::Done),
    }
}

/// One call, with one tool to use.
async fn ask(model: &Model) -> Result<Reply> {
    let tool = Tool {
        name: "ready".to_owned(),
        about: "Says that you can call tools.".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {"word": {"type": "string", "enum": ["yes"]}},
            "required": ["word"],
            "additionalProperties": false,
        }),
        built_in: None,
    };
    let messages = [Message::User(
        "Call the tool `ready` once, with `yes`.".to_owned(),
    )];
    let turn = Turn {
        system: "You are asked one thing, to see that you can be reached.",
        messages: &messages,
        tools: &[tool],
        max_tokens: MOST_TOKENS.min(model.choice().max_tokens),
    };
    let address = Key::root(0).word("doctor");
    model.turn(&turn, address, Some(SECONDS)).await.map_err(|fault| {
        Error::outside(fault.told).mend(
            "is the model's name spelt as its provider has it, the key valid, and the address right (`--base-url`)?",
        )
    })
}

fn told(model: &Model, reply: &Reply, role: &str) -> String {
    let choice = model.choice();
    let number = |it: Option<u64>| it.map_or_else(|| "not told".to_owned(), |it| it.to_string());
    let tokens = &reply.tokens;
    let cost = match (reply.cost_usd, choice.prices.of(&choice.model)) {
        (Some(dollars), _) => format!("${dollars:.6} for this call"),
        (None, Some(_)) => "not known: the server tells no tokens".to_owned(),
        (None, None) => "not known: this model has no price here; give it one by `--models FILE`, or costs stay unknown"
            .to_owned(),
    };
    let limits = model.allowed();
    let pace: Vec<String> = [
        (limits.requests_per_minute, "request"),
        (limits.tokens_per_minute, "token"),
    ]
    .into_iter()
    .filter_map(|(limit, what)| Some(format!("{} a minute", count(limit? as usize, what))))
    .collect();
    let lines = [
        format!("address    {}", model.address()),
        format!(
            "model      {} answered as {} in {:.1} s",
            choice.model,
            reply.ids.model.as_deref().unwrap_or("no name"),
            reply.seconds
        ),
        format!(
            "tools      {}",
            match reply.calls.is_empty() {
                false => "it called the tool it was given",
                true if role != "agent" => "it called none, and needs none",
                true =>
                    "it called no tool: it cannot play a world, where everything is done by tools",
            }
        ),
        format!(
            "tokens     input {}, output {}, read from a cache {}",
            number(tokens.input),
            number(tokens.output),
            number(tokens.cache_read)
        ),
        format!("cost       {cost}"),
        format!(
            "limits     {}",
            match pace.is_empty() {
                true => "none told; refusals slow the pace as they come".to_owned(),
                false => pace.join(", "),
            }
        ),
    ];
    lines.join("\n")
}
