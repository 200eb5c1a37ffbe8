//! Records to evidence: plain functions, no decision and no printing.

mod arms;
mod breakdown;
mod caveats;
mod compare;
mod credit;
pub mod evidence;
pub mod frames;
pub mod judged;
mod outcomes;
mod pairing;
#[cfg(test)]
mod samples;
pub mod spending;
pub mod table;

pub use arms::{summaries, sweep};
pub use compare::{check_arms, compare};
pub use credit::{Credit, credit};
pub use outcomes::{Outcome, headline};
pub use pairing::Policy;

use crate::analysis::evidence::Evidence;
use crate::domain::id::ArmName;
use crate::domain::memory::Learning;
use crate::domain::trial::TrialRow;
use crate::error::Result;

/// Version of the shape of `evidence.json`.
const FORMAT: u32 = 1;

/// Everything `rows` say: of each arm in `order`, of each contrast (baseline, then candidate), of the sweep, of each of `learnings`.
///
/// Rows are in plan order, which fixes every floating sum.
///
/// # Errors
/// A contrast with an arm that has no rows, one task judged by different graders, halves that do not fit together.
pub fn evidence(
    rows: &[TrialRow],
    order: &[ArmName],
    contrasts: &[(ArmName, ArmName)],
    learnings: &[Learning],
) -> Result<Evidence> {
    let comparisons = contrasts
        .iter()
        .map(|(baseline, candidate)| compare(rows, baseline, candidate));
    let credit = credit(rows, learnings)?;
    Ok(Evidence {
        format: FORMAT,
        arms: summaries(rows, order)?,
        comparisons: comparisons.collect::<Result<_>>()?,
        sweep: sweep(rows, order),
        learnings: credit.learnings,
        pairs: credit.pairs,
        broken_pairs: credit.broken_pairs,
        warnings: credit.warnings,
    })
}
