//! The regression of foldover differences on signs, over all pairs or one role's, and what stands in where it leaves no error.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::credit::pairs::Pair;
use crate::analysis::evidence::RoleEffect;
use crate::analysis::outcomes::LEVEL;
use crate::statistics::{
    Confidence, Differences, Effect, FoldoverPair, Interval, LearningEffect, StandardError,
    exact_fallback, regress, sign_flip,
};

/// Decides the sign patterns drawn where they are too many to count.
const FLIP_SEED: u64 = 0;

/// What a regression says of one learning.
pub enum Found {
    /// No pair, or only pairs that were left out.
    Nothing,
    /// It cannot be told apart from these.
    Collinear(Vec<usize>),
    /// An effect.
    Effect(Estimate),
}

/// An effect, its tails, and how they were found.
pub struct Estimate {
    /// The coefficient and its errors.
    pub effect: Effect,
    /// One-sided, against "it does not help".
    pub p_benefit: Option<f64>,
    /// One-sided, against "it does not harm".
    pub p_harm: Option<f64>,
    /// One-sided, against "it does not harm on these very tasks": each pair is a unit.
    pub p_harm_here: Option<f64>,
    /// The fit left no residual on any task, so that the exact bound and the sign-flip test speak instead of an error.
    pub is_exact: bool,
}

impl Estimate {
    /// The error clustered by task; `None` where it is 0 or cannot be had.
    pub fn error(&self) -> Option<StandardError> {
        self.effect.task_error.filter(|_| !self.is_exact)
    }

    /// The 95 % interval, never of zero width; `None` where no error can be had.
    pub fn interval(&self) -> Option<Interval> {
        self.exact(LEVEL).or_else(|| self.effect.interval(LEVEL))
    }

    /// One-sided lower bound.
    pub fn lower_bound(&self, confidence: Confidence) -> Option<f64> {
        let by_error = || self.error()?.lower_bound(self.effect.estimate, confidence);
        self.exact(confidence)
            .map(|exact| exact.low)
            .or_else(by_error)
    }

    /// One-sided upper bound.
    pub fn upper_bound(&self, confidence: Confidence) -> Option<f64> {
        let by_error = || self.error()?.upper_bound(self.effect.estimate, confidence);
        self.exact(confidence)
            .map(|exact| exact.high)
            .or_else(by_error)
    }

    /// The bound on how many tasks may still deviate, where none did.
    fn exact(&self, confidence: Confidence) -> Option<Interval> {
        let estimate = self.effect.estimate.clamp(-1.0, 1.0);
        self.is_exact
            .then(|| exact_fallback(estimate, self.effect.tasks, confidence))
    }
}

/// One finding per learning.
pub struct Estimates {
    /// In the order of the learnings.
    pub found: Vec<Found>,
}

impl Estimates {
    /// Regresses the differences `difference_of` finds on the signs.
    pub fn of<'pairs>(
        pairs: impl IntoIterator<Item = &'pairs Pair<'pairs>>,
        difference_of: fn(&Pair<'_>) -> Option<f64>,
        learnings: usize,
    ) -> Estimates {
        let foldover = |pair: &'pairs Pair<'pairs>| {
            Some(FoldoverPair {
                task: pair.task,
                signs: &pair.signs,
                difference: difference_of(pair)?,
            })
        };
        let pairs: Vec<FoldoverPair<'_>> = pairs.into_iter().filter_map(foldover).collect();
        let effects = regress(&pairs, learnings).map_or_else(Vec::new, |fit| fit.effects);
        let mut found: Vec<Found> = effects
            .into_iter()
            .enumerate()
            .map(|(number, effect)| Found::of(effect, number, &pairs))
            .collect();
        found.resize_with(learnings, || Found::Nothing);
        Estimates { found }
    }
}

impl Found {
    fn of(effect: LearningEffect, number: usize, pairs: &[FoldoverPair<'_>]) -> Found {
        match effect {
            LearningEffect::NoPairs => Found::Nothing,
            LearningEffect::Collinear { with } => Found::Collinear(with),
            LearningEffect::Estimated(effect) => {
                let is_exact = effect.task_error.is_some_and(|error| error.value <= 0.0);
                let above = |error: Option<StandardError>, estimate| error?.p_above(estimate, 0.0);
                let by_task = |estimate| above(effect.task_error, estimate);
                let (p_benefit, p_harm) = match is_exact {
                    true => flipped(pairs, number),
                    false => (by_task(effect.estimate), by_task(-effect.estimate)),
                };
                Found::Effect(Estimate {
                    effect,
                    p_benefit,
                    p_harm,
                    p_harm_here: above(effect.pair_error, -effect.estimate).or(p_harm),
                    is_exact,
                })
            }
        }
    }
}

/// The sign-flip tails of a learning over its tasks: exact, and defined where no error is.
fn flipped(pairs: &[FoldoverPair<'_>], number: usize) -> (Option<f64>, Option<f64>) {
    let mut totals: BTreeMap<usize, f64> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.signs[number] != 0) {
        *totals.entry(pair.task).or_default() += f64::from(pair.signs[number]) * pair.difference;
    }
    let totals: Vec<f64> = totals.into_values().collect();
    let flip = differences(&totals).map(|totals| sign_flip(&totals, FLIP_SEED));
    (flip.map(|flip| flip.greater), flip.map(|flip| flip.less))
}

/// Totals of completions and violations are whole, so that all their sign patterns can be counted; totals of scores are not.
fn differences(totals: &[f64]) -> Option<Differences> {
    let are_whole = totals
        .iter()
        .all(|total| total.fract() == 0.0 && total.abs() < 1e15);
    let whole = || {
        totals
            .iter()
            .map(|total| *total as i64)
            .collect::<Vec<i64>>()
    };
    if are_whole {
        Differences::of_fractions(&whole(), 1)
    } else {
        Differences::of_values(totals)
    }
}

/// The effect of each learning at each role, from that role's pairs alone; none where no pair has a role.
///
/// The upper bound is at 1 − 0.05 / (roles of the learning), the first step of Holm's procedure: all of a learning's bounds hold
/// together with 95 %. Source: Holm (1979), Scand. J. Stat. 6, 65–70.
pub fn by_role(pairs: &[Pair<'_>], learnings: usize) -> Vec<Vec<RoleEffect>> {
    let roles: BTreeSet<&str> = pairs
        .iter()
        .map(|pair| pair.role)
        .filter(|role| !role.is_empty())
        .collect();
    let mut found: Vec<Vec<(&str, Estimate)>> = (0..learnings).map(|_| Vec::new()).collect();
    for role in roles {
        let of_role = pairs.iter().filter(|pair| pair.role == role);
        let estimates = Estimates::of(of_role, |pair| Some(pair.difference), learnings);
        for (slot, estimate) in found.iter_mut().zip(estimates.found) {
            if let Found::Effect(estimate) = estimate {
                slot.push((role, estimate));
            }
        }
    }
    found.into_iter().map(role_effects).collect()
}

fn role_effects(roles: Vec<(&str, Estimate)>) -> Vec<RoleEffect> {
    let level = Confidence::new(1.0 - LEVEL.error() / roles.len().max(1) as f64);
    let effect = |(role, estimate): (&str, Estimate)| RoleEffect {
        role: role.to_owned(),
        pairs: u32::try_from(estimate.effect.pairs).unwrap_or(u32::MAX),
        effect: estimate.effect.estimate,
        se: estimate.error().map(|error| error.value),
        upper_bound: level.and_then(|level| estimate.upper_bound(level)),
    };
    roles.into_iter().map(effect).collect()
}
