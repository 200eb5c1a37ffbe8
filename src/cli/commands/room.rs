//! What agents are given to work with: how notes reach them, and what bounds what they run.

use crate::{
    agents::chat::{Chat, Delivery},
    chat::Model,
    cli::commands::reach::names_model,
    domain::halt::{Halt, Why},
    error::{Error, Result},
    process::{PREFIX, Sandbox},
    study::asked::Typed,
};

/// A model as an agent, given its notes and running its commands as was asked.
///
/// # Errors
/// There is no such delivery, or no sandbox can be made.
pub fn chat(model: Model, typed: &Typed, halt: &Halt) -> Result<Chat> {
    let delivery = typed.delivery.as_deref().map(Delivery::parse);
    let chat = Chat::new(model, delivery.transpose()?.unwrap_or_default());
    Ok(chat.confined(sandbox(typed, halt, false)?))
}

/// The sandbox that was asked for; where only what is on the disk is wanted, nothing runs and none is tried.
///
/// # Errors
/// None can be made here.
pub fn sandbox(typed: &Typed, halt: &Halt, has_network: bool) -> Result<Option<Sandbox>> {
    match (typed.sandbox, halt.why()) {
        (false, _) => Ok(None),
        (true, Some(Why::Reading)) => Ok(Some(Sandbox { has_network })),
        (true, _) => Sandbox::tried(has_network).map(Some),
    }
}

/// Refuses choices that say nothing to this agent, rather than let someone believe they were heard.
///
/// # Errors
/// There is one.
pub fn check(typed: &Typed) -> Result<()> {
    let word = &typed.agent;
    if typed.delivery.is_some() && !names_model(word) {
        return Err(Error::usage(format!(
            "`--delivery` is for models, and `{word}` is given its notes in its own way"
        ))
        .mend("leave it out, or name an agent `anthropic:MODEL` or `openai:MODEL`"));
    }
    if typed.sandbox && !names_model(word) && !word.starts_with(PREFIX) {
        return Err(Error::usage(format!(
            "`--sandbox` is for agents that run something here, and `{word}` runs nothing"
        ))
        .mend("leave it out"));
    }
    Ok(())
}
