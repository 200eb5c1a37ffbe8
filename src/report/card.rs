//! The memory card of a promoted set: what it is for, what speaks for it, what it harms, how long it holds, whose it is.

use crate::{
    error::count,
    promotion::{
        figures::points,
        ledger::entry::{Done, Step},
        selection::Selection,
    },
    report::{Inputs, markdown::escaped},
};

/// What a card needs beside the run it rests on.
#[derive(Debug, Clone, Copy)]
pub struct CardFacts<'a> {
    /// Name of the store.
    pub store: &'a str,
    /// Digest of the promoted store.
    pub digest: &'a str,
    /// Head of its ledger.
    pub head: &'a str,
    /// Who put it in force.
    pub owner: &'a str,
    /// The day from which it should be evaluated anew.
    pub expires: &'a str,
}

/// The card, as Markdown.
pub fn page(inputs: &Inputs<'_>, selection: &Selection, facts: &CardFacts<'_>) -> String {
    let run = inputs.run;
    let roles = roles(inputs);
    let mut card = format!("# Memory card: {}\n", escaped(facts.store));
    let mut row = |name: &str, text: &str| card += &format!("\n**{name}.** {}\n", escaped(text));
    row(
        "Purpose",
        &format!(
            "Notes and playbooks for agents at {}: {}",
            run.title, run.about
        ),
    );
    row(
        "Scope",
        &format!(
            "{} by {}{}. Nothing is claimed beyond this suite and agent. {}",
            count(
                selection.count(Done::Added) + selection.count(Done::Kept),
                "learning"
            ),
            run.agent,
            roles,
            run.agent_note
        ),
    );
    row("Evidence", &inputs.verdicts.dream.sentence);
    row("Known harms", &harms(inputs));
    row(
        "Expires",
        &format!(
            "{}, or as soon as the suite or the agent changes.",
            facts.expires
        ),
    );
    row("Owner", facts.owner);
    row(
        "Digest",
        &format!("{}; ledger head {}", facts.digest, facts.head),
    );
    row(
        "Screen",
        "Screen passed for every learning in it; that is no proof of safety.",
    );
    row("Reproduce", &run.reproduce);
    card += "\n| Learning | Id | In force | Because |\n| --- | --- | --- | --- |\n";
    for step in selection.steps.iter().filter(|it| it.done != Done::Passed) {
        card += &line(step);
    }
    card
}

fn line(step: &Step) -> String {
    format!(
        "| {} | {} | {} | {} |\n",
        escaped(&step.name),
        escaped(&step.id),
        step.done.word(),
        escaped(&step.because)
    )
}

fn roles(inputs: &Inputs<'_>) -> String {
    let compared = inputs.evidence.comparisons.first();
    let roles: Vec<&str> = compared
        .iter()
        .flat_map(|it| &it.by_role)
        .map(|it| it.group.as_str())
        .collect();
    match roles.is_empty() {
        true => String::new(),
        false => format!(", tried at the desks {}", roles.join(", ")),
    }
}

fn harms(inputs: &Inputs<'_>) -> String {
    let hurt: Vec<String> = inputs
        .verdicts
        .dream
        .hurt
        .iter()
        .map(|it| {
            format!(
                "{} {} ({})",
                it.kind,
                it.group.group,
                points(it.group.estimate)
            )
        })
        .collect();
    match hurt.is_empty() {
        true => "No role and no family lost more than is tolerated.".to_owned(),
        false => format!("Lost more than is tolerated: {}.", hurt.join(", ")),
    }
}
