//! The rules that hold a learning: what is not yet known of it.

use crate::{
    analysis::evidence::LearningEvidence,
    error::count,
    promotion::{
        figures::{chance, percent, plain_points, range},
        policy::Policy,
        ruling::{Ruling, delivery, effect_words, held, shown},
        verdict::Cause,
    },
};

/// Too little was measured to decide either way.
pub fn unmeasured(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let limits = &policy.evidence;
    let pairs = count(learning.pairs as usize, "pair");
    let tasks = count(learning.tasks as usize, "task");
    if learning.pairs == 0 {
        let why = "never eligible: no task met its role and condition".to_owned();
        return Some(held(Cause::NotEligible, why));
    }
    if learning.pairs < limits.least_pairs || learning.tasks < limits.least_tasks {
        let why = format!(
            "too few pairs: eligible in {pairs} at {tasks}; the policy asks for {} at {}",
            limits.least_pairs,
            count(limits.least_tasks as usize, "task")
        );
        return Some(held(Cause::TooFewPairs, why));
    }
    if learning.p.is_none() || learning.lower_bound.is_none() {
        let why = format!(
            "not estimated: its effect could not be told from the other learnings' or has no error ({pairs} at {tasks})"
        );
        return Some(held(Cause::NotEstimated, why));
    }
    None
}

/// Agents were rarely shown it.
pub fn undelivered(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let share = learning.surfaced_rate?;
    (share < policy.evidence.least_surfaced).then(|| {
        let why = format!(
            "not delivered: shown in {} of the {} that had it; nothing is known of its use",
            percent(share),
            count(learning.pairs as usize, "trial")
        );
        held(Cause::NotDelivered, why)
    })
}

/// Agents were shown it and rarely did as it says.
pub fn unfollowed(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let share = learning.followed_rate?;
    (share < policy.evidence.least_followed).then(|| {
        let why = format!(
            "not followed: an action followed it in {} of the {} that showed it",
            percent(share),
            count(shown(learning), "trial")
        );
        let mut ruling = held(Cause::NotFollowed, why);
        ruling
            .reasons
            .extend(learning.effect.map(|effect| effect_words(learning, effect)));
        ruling
    })
}

/// What is left: it was measured, and the numbers do not decide.
pub fn unclear(learning: &LearningEvidence, policy: &Policy) -> Ruling {
    let effect = learning.effect.unwrap_or_default();
    let said = effect_words(learning, effect);
    let least = plain_points(policy.effect.least_gain);
    let proven = learning.lower_bound.is_some_and(|bound| 0.0 < bound)
        && learning.p.is_some_and(|p| p <= policy.error.promote);
    let adjusted = learning.p_adjusted.unwrap_or(1.0);
    let mut ruling = if proven && policy.error.false_discovery < adjusted {
        let why = format!(
            "{said}: a gain on its own, but not with all learnings tested together (adjusted p {}, limit {})",
            chance(adjusted),
            chance(policy.error.false_discovery)
        );
        held(Cause::Underpowered, why)
    } else if proven {
        let why =
            format!("{said}: a gain, but its best estimate is below the {least} worth its words");
        held(Cause::SmallSoFar, why)
    } else {
        let interval = learning
            .interval
            .map_or_else(String::new, |it| format!(", 95 % interval {}", range(it)));
        let why = format!("{said}{interval}: both no effect and a gain of {least} are possible");
        held(Cause::Underpowered, why)
    };
    ruling.reasons.extend(delivery(learning));
    ruling
}
