//! What a model is told. Every arm gets the same words; only the notes between them differ.

use crate::{
    agents::Given,
    domain::{task::Brief, tool::Handbook},
    environment::Desk,
};

/// What stands where an arm has no notes.
const NO_NOTES: &str = "(none)";

/// Where a model is told its notes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notes {
    /// They stand in its first message.
    InMessage,
    /// They lie in a folder the platform lets it read.
    InFolder,
    /// They lie behind the memory tool.
    BehindTool,
    /// They lie as files in its workspace.
    AsFiles,
}

/// What a model is told of the place it works in, the same in every arm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaffold<'a> {
    desk: Option<&'a Desk>,
    has_folder: bool,
    notes: Notes,
    /// Calls it can make, where there is anything to call.
    pub calls: Option<u32>,
}

impl<'a> Scaffold<'a> {
    /// At a desk, or nowhere.
    pub fn of(desk: Option<&'a Desk>, notes: Notes) -> Self {
        Self {
            desk,
            has_folder: false,
            notes,
            calls: desk.map(Desk::steps_left),
        }
    }

    /// In a workspace, with the tools for it.
    pub fn in_folder(brief: &Brief, notes: Notes) -> Self {
        Self {
            desk: None,
            has_folder: true,
            notes,
            calls: Some(brief.limits.steps),
        }
    }

    /// With so many calls to make of something else.
    #[must_use]
    pub fn with_calls(mut self, brief: &Brief) -> Self {
        self.calls = self.calls.or(Some(brief.limits.steps));
        self
    }
}

/// What the model is to be: the same for every task of a role, so that providers can keep it in their caches.
pub(super) fn system(brief: &Brief, scaffold: &Scaffold<'_>) -> String {
    let role = &brief.role;
    let given = match scaffold.notes {
        Notes::InMessage => {
            "You are given one task and, where there are any, notes from earlier work."
        }
        Notes::InFolder => {
            "You are given one task. Notes from earlier work, where there are any, lie in your memory folder: look \
             there before you begin."
        }
        Notes::BehindTool => {
            "You are given one task. Notes from earlier work, where there are any, lie in your memory folder, \
             /memories: look there with the memory tool before you begin."
        }
        Notes::AsFiles => {
            "You are given one task. Notes from earlier work, where there are any, lie in your working folder: \
             CLAUDE.md, AGENTS.md, and what is in memory/ and .claude/skills/. Look there before you begin."
        }
    };
    let Some(desk) = scaffold.desk else {
        return match scaffold.has_folder {
            false => {
                format!("You work as {role}. {given} Your last message is taken as the answer.")
            }
            true => format!(
                "You work as {role}. {given}\n\
                 Do the task in your working folder with the tools; paths are relative to it. A call that fails costs \
                 as much as one that succeeds.\n\
                 When the task is done, or nothing more can be done, end with a message that calls no tool: it is \
                 taken as the answer."
            ),
        };
    };
    let mut text = format!(
        "You work as {role}. {given}\n\
         Do the task with the tools. Each call works on one thing that lies on the desk, and its result comes at \
         once. A call that fails costs as much as one that succeeds.\n\
         When the task is done, or nothing more can be done, say so in a short message and call no tool."
    );
    let policies = &desk.handbook().policies;
    if !policies.is_empty() {
        text.push_str("\n\nRules of the house:");
        for policy in policies {
            text.push_str(&format!("\n- {}", policy.text));
        }
    }
    text
}

/// The first message where notes stand in it: the notes, then the task.
pub(super) fn with_notes(notes: &[&Given<'_>], task: &str) -> String {
    let notes: Vec<&str> = notes.iter().map(|it| it.learning.text.trim()).collect();
    let notes = if notes.is_empty() {
        NO_NOTES.to_owned()
    } else {
        notes.join("\n\n")
    };
    format!("Notes from earlier work:\n\n{notes}\n\nThe task:\n\n{task}")
}

/// The task alone.
pub(super) fn task(brief: &Brief, calls: Option<u32>) -> String {
    let mut text = brief.prompt.clone();
    if !brief.setup.is_empty() {
        text.push_str("\n\nOn the desk:");
        for entity in &brief.setup {
            let seen: Vec<String> = entity
                .attributes
                .iter()
                .map(|(name, value)| format!("{name} is {value}"))
                .collect();
            text.push_str(&format!("\n- {} ({})", entity.name, entity.kind));
            if !seen.is_empty() {
                text.push_str(&format!(": {}", seen.join(", ")));
            }
        }
    }
    if !brief.asks.is_empty() {
        text.push_str("\n\nWhat must hold at the end:");
        for ask in &brief.asks {
            text.push_str(&format!("\n- {} is {}", ask.of, ask.is));
        }
    }
    if let Some(calls) = calls {
        text.push_str(&format!("\n\nYou can make {calls} calls."));
    }
    text
}

/// What a tool's documentation says, in words.
pub(super) fn about(book: &Handbook, tool: usize) -> String {
    let tool = &book.tools[tool];
    let named = |indices: &[usize], names: &[String]| {
        let named: Vec<&str> = indices.iter().map(|it| names[*it].as_str()).collect();
        named.join(", ")
    };
    let mut text = tool.about.clone();
    if !tool.on.is_empty() {
        text.push_str(&format!(" Works on: {}.", named(&tool.on, &book.kinds)));
    }
    if !tool.requires.is_empty() {
        text.push_str(&format!(
            " Needs it to be: {}.",
            named(&tool.requires, &book.facts)
        ));
    }
    if let Some(fact) = tool.gives {
        text.push_str(&format!(" Makes it: {}.", book.facts[fact]));
    }
    text
}
