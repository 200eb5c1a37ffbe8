//! What one rule says of a learning, and the sentences all rules share.

use crate::{
    analysis::evidence::LearningEvidence,
    error::count,
    promotion::{
        figures::{percent, points},
        verdict::{Cause, Verdict},
    },
};

/// A verdict with its cause and reasons.
pub struct Ruling {
    /// What becomes of the learning.
    pub verdict: Verdict,
    /// Why it was not promoted.
    pub cause: Option<Cause>,
    /// Sentences with their numbers, the decisive one first.
    pub reasons: Vec<String>,
}

/// Not enough is known.
pub fn held(cause: Cause, why: String) -> Ruling {
    Ruling {
        verdict: Verdict::Hold,
        cause: Some(cause),
        reasons: vec![why],
    }
}

/// It earned no place.
pub fn rejected(cause: Cause, reasons: Vec<String>) -> Ruling {
    Ruling {
        verdict: Verdict::Reject,
        cause: Some(cause),
        reasons,
    }
}

/// `effect +12 points on 34 eligible tasks (400 pairs)`.
pub fn effect_words(learning: &LearningEvidence, effect: f64) -> String {
    format!(
        "effect {} on {} eligible {} ({})",
        points(effect),
        learning.tasks,
        if learning.tasks == 1 { "task" } else { "tasks" },
        count(learning.pairs as usize, "pair")
    )
}

/// How often it was followed, where that is known.
pub fn delivery(learning: &LearningEvidence) -> Option<String> {
    let followed = learning.followed_rate?;
    Some(format!(
        "an action followed it in {} of the {} that showed it",
        percent(followed),
        count(shown(learning), "trial")
    ))
}

/// Trials shown the learning: each pair has one half that had it.
pub fn shown(learning: &LearningEvidence) -> usize {
    let share = learning.surfaced_rate.unwrap_or(1.0).clamp(0.0, 1.0);
    (share * f64::from(learning.pairs)).round() as usize
}
