//! What agents are given to work with: how notes reach them, and what bounds what they run.

use std::path::Path;

use crate::{
    agents::chat::{Chat, Delivery},
    cli::commands::{
        reach::{Reach, names_model},
        settle::passed,
    },
    domain::{
        halt::{Halt, Why},
        suite::{ServerReach, Suite},
    },
    error::{Error, Result},
    process::{PREFIX, Sandbox},
    study::asked::Typed,
};

/// A model as an agent, given its notes and running its commands as was asked.
///
/// # Errors
/// There is no such delivery, or no sandbox can be made.
pub fn chat((typed, halt): (&Typed, &Halt), suite: &Suite, way: &Reach) -> Result<Chat> {
    let delivery = typed.delivery.as_deref().map(Delivery::parse).transpose()?;
    let model = way.model(&typed.agent)?;
    let chat = Chat::new(model, delivery.unwrap_or_default());
    let mut chat = chat.confined(sandbox(typed, halt, false)?);
    let is_read = halt.why() == Some(&Why::Reading);
    for server in &suite.kit.servers {
        match &server.reach {
            ServerReach::Url { url, key } => {
                chat.reaches(&server.name, way.server(url, key.as_deref())?);
            }
            ServerReach::Command { pass_env, .. } if !is_read => {
                passed(pass_env)?;
            }
            ServerReach::Command { .. } => {}
        }
    }
    Ok(chat)
}

/// The sandbox that was asked for; where only what is on the disk is wanted, nothing runs and none is tried.
///
/// # Errors
/// None can be made here.
pub fn sandbox(typed: &Typed, halt: &Halt, has_network: bool) -> Result<Option<Sandbox>> {
    let suite = Path::new(&typed.suite);
    let folder = match suite.is_file() {
        true => suite.parent().unwrap_or(suite),
        false => suite,
    };
    let sandbox = || Sandbox {
        has_network,
        // Where this run is written, and where graders and their answers stand.
        hidden: vec![".".into(), folder.to_owned()],
    };
    match (typed.sandbox, halt.why()) {
        (false, _) => Ok(None),
        (true, Some(Why::Reading)) => Ok(Some(sandbox())),
        (true, _) => sandbox().tried().map(Some),
    }
}

/// Refuses choices that say nothing to this agent, rather than let someone believe they were heard.
///
/// # Errors
/// There is one.
pub fn check(typed: &Typed, suite: &Suite) -> Result<()> {
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
    if !suite.kit.servers.is_empty() && !names_model(word) {
        return Err(Error::usage(format!(
            "this suite gives tools of servers (`[[mcp]]`) to models, and `{word}` cannot call them"
        ))
        .mend("name an agent `anthropic:MODEL` or `openai:MODEL`, or another suite"));
    }
    Ok(())
}
