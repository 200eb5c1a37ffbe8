//! Attempts side by side: same task, same seed, with and without the memory.

use crate::{
    error::count,
    promotion::figures::arm_words,
    report::{
        Inputs,
        inputs::TranscriptPair,
        page::{Block, Section, Transcripts},
    },
};

/// The section; `None` without pairs.
pub fn section(inputs: &Inputs<'_>) -> Option<Section> {
    if inputs.transcripts.is_empty() {
        return None;
    }
    let lead = vec![
        "Same task, same seed; up to where the two part, they did the same.".to_owned(),
        "A step that did as a learning says is marked with it.".to_owned(),
    ];
    let mut section = Section::new("transcripts", "Side by side", lead);
    section.blocks = inputs.transcripts.iter().map(pair).collect();
    Some(section)
}

fn pair(pair: &TranscriptPair) -> Block {
    let alike = match pair.shared.len() {
        0 => "they part at the first step".to_owned(),
        steps => format!("the first {} alike", count(steps, "step")),
    };
    let side = |arm: &str, outcome: &str| format!("With {}: {outcome}", arm_words(arm));
    Block::Transcripts(Transcripts {
        title: format!("{}, repeat {}; {alike}", pair.task, pair.repeat + 1),
        shared: pair.shared.clone(),
        without: side(&pair.baseline, &pair.baseline_outcome),
        without_steps: pair.baseline_steps.clone(),
        with: side(&pair.candidate, &pair.candidate_outcome),
        with_steps: pair.candidate_steps.clone(),
    })
}
