//! What the screen's findings do to a learning: reject it, or keep a promotion waiting for a person.

use crate::{
    analysis::evidence::LearningEvidence,
    promotion::{
        ruling::{Ruling, rejected},
        screen::Severity,
        verdict::{Cause, Objection, Verdict},
    },
};

/// Rejected for what the screen found, whatever it gains.
pub fn screened(learning: &LearningEvidence, objections: &[Objection]) -> Option<Ruling> {
    let hard = objections_to(learning, objections, Severity::Hard);
    let leaks = hard.iter().any(|it| it.finding.contains("leak"));
    let cause = if leaks { Cause::Leak } else { Cause::Screen };
    let reasons = hard.iter().map(|it| words(it)).collect();
    (!hard.is_empty()).then(|| rejected(cause, reasons))
}

/// A promotion waits where the screen found what a person must look at; the gain is told behind that.
pub fn reviewed(ruling: Ruling, learning: &LearningEvidence, objections: &[Objection]) -> Ruling {
    let found = objections_to(learning, objections, Severity::Review);
    if found.is_empty() {
        return ruling;
    }
    let reasons = found.iter().map(|it| words(it)).chain(ruling.reasons);
    Ruling {
        verdict: Verdict::Hold,
        cause: Some(Cause::NeedsReview),
        reasons: reasons.collect(),
    }
}

fn objections_to<'a>(
    learning: &LearningEvidence,
    objections: &'a [Objection],
    severity: Severity,
) -> Vec<&'a Objection> {
    objections
        .iter()
        .filter(|it| it.severity == severity && it.learning == learning.id)
        .collect()
}

fn words(objection: &Objection) -> String {
    format!("{}: {}", objection.finding, objection.says)
}
