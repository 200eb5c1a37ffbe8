//! The sections of a report, one file each, in the order a stakeholder reads them.

pub mod compared;
pub mod computed;
pub mod cost;
pub mod harm;
pub mod learnings;
pub mod limits;
pub mod missing;
pub mod patterns;
pub mod provenance;
pub mod sweep;
pub mod transcripts;

use crate::{
    analysis::evidence::RateEvidence,
    error::Result,
    promotion::figures::{of_trials, percent},
    report::{Inputs, page::Section},
};

/// Every section that has something to show, in reading order.
///
/// # Errors
///
/// A bug of ours where a figure cannot be drawn.
pub fn all(inputs: &Inputs<'_>) -> Result<Vec<Section>> {
    let sections = [
        compared::section(inputs)?,
        learnings::kept(inputs)?,
        learnings::noise(inputs),
        harm::section(inputs)?,
        patterns::section(inputs),
        cost::section(inputs),
        missing::section(inputs),
        sweep::section(inputs)?,
        transcripts::section(inputs),
        limits::section(inputs),
        provenance::section(inputs),
        computed::section(inputs),
    ];
    Ok(sections.into_iter().flatten().collect())
}

/// `76 %, 152 of 201`; the mean and the number of trials where scores are compared.
pub fn rate_words(rate: &RateEvidence, outcome: &str) -> String {
    match (rate.rate, outcome) {
        (None, _) => "no graded trials".to_owned(),
        (Some(mean), "score") => format!("mean {mean:.2} over {}", rate.trials),
        (Some(share), _) => format!("{}, {}", percent(share), of_trials(rate)),
    }
}
