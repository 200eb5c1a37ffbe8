//! Where the numbers come from, and how to get them again.

use crate::report::{
    Inputs,
    page::{Block, Cell, Section, Table},
};

/// The section.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    let run = inputs.run;
    let number = |it: Option<u64>| it.map(|it| it.to_string()).unwrap_or_default();
    let small = |it: Option<u32>| number(it.map(u64::from));
    let mut facts = vec![
        ("agent", run.agent.clone()),
        ("model", run.model.clone()),
        ("dreamer", run.dreamer.clone()),
        ("seed", number(run.seed)),
        ("world seed", number(run.world_seed)),
        ("attempts per task and arm", small(run.repeats)),
        ("tool calls allowed", small(run.steps)),
        ("plan", run.fingerprint.clone()),
    ];
    if 0 < inputs.evidence.pairs {
        facts.push(("attribution pairs", inputs.evidence.pairs.to_string()));
    }
    let digests = run
        .digests
        .iter()
        .map(|(name, it)| (name.as_str(), it.clone()));
    facts.extend(digests);
    facts.extend(
        run.versions
            .iter()
            .map(|(name, it)| (name.as_str(), it.clone())),
    );
    let mut table = Table::new("What went in", &["What", "Value"]);
    for (name, value) in facts {
        if !value.is_empty() {
            table.rows.push(vec![Cell::text(name), Cell::text(value)]);
        }
    }
    let lead = match run.reproduce.is_empty() {
        true => Vec::new(),
        false => vec!["This command gives the same numbers again:".to_owned()],
    };
    let mut section = Section::new("provenance", "Where it comes from", lead);
    if !run.reproduce.is_empty() {
        section.blocks.push(Block::Code(run.reproduce.clone()));
    }
    if !table.rows.is_empty() {
        section.blocks.push(Block::Table(table));
    }
    (!section.blocks.is_empty()).then_some(section)
}
