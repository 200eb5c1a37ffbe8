//! Effects of single learnings from foldover pairs: a random half of the learnings against the other half, on
//! the same task.

use std::collections::BTreeSet;

use crate::statistics::clusters::Clustering;
use crate::statistics::influence::Spread;
use crate::statistics::symmetric::{Factor, factor};
use crate::statistics::{Confidence, Interval, StandardError};

/// A column is collinear when less than this share of it is left once the others are accounted for.
const COLLINEAR: f64 = 1e-9;

/// Two trials of one task with complementary halves of the learnings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldoverPair<'signs> {
    /// Label of the task: any number that is the same for the pairs of one task.
    pub task: usize,
    /// One sign per learning: +1 in the first half, −1 in the second, 0 not eligible.
    pub signs: &'signs [i8],
    /// Outcome with the first half minus outcome with the second, −1 to 1.
    pub difference: f64,
}

/// Mean of sign × difference over the pairs in which a learning took part: its Banzhaf effect, each pair
/// counting once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// −1 to 1, in outcome units.
    pub mean: f64,
    /// Number of such pairs, at least 1.
    pub pairs: usize,
}

/// What the regression says of one learning.
#[derive(Debug, Clone, PartialEq)]
pub enum LearningEffect {
    /// It could be told apart from the others.
    Estimated(Effect),
    /// It took part in no pair.
    NoPairs,
    /// Its signs are a combination of those of other learnings, so no effect can be told apart.
    Collinear {
        /// The learnings it cannot be told apart from, by index.
        with: Vec<usize>,
    },
}

/// The effect of one learning with the others held as they fell, in outcome units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Least-squares coefficient: outcome with the learning minus without.
    pub estimate: f64,
    /// HC2 error, pairs taken as independent; degrees of freedom are pairs − columns. `None` when a pair
    /// alone decides the effect.
    pub pair_error: Option<StandardError>,
    /// CR1 error clustered by task, for published intervals; degrees of freedom are `tasks` − 1. `None` below
    /// two tasks.
    pub task_error: Option<StandardError>,
    /// Pairs in which the learning took part, at least 1.
    pub pairs: usize,
    /// Tasks in which it took part, at least 1.
    pub tasks: usize,
}

impl Effect {
    /// The interval clustered by task, in outcome units; `None` where that error is undefined or 0.
    pub fn interval(&self, confidence: Confidence) -> Option<Interval> {
        self.task_error
            .and_then(|error| error.interval(self.estimate, confidence))
    }
}

/// A regression of differences on signs, without intercept.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One entry per learning, in their order.
    pub effects: Vec<LearningEffect>,
    /// Number of pairs.
    pub pairs: usize,
    /// Number of different tasks among them.
    pub tasks: usize,
    /// Number of independent columns.
    pub columns: usize,
}

/// Contrast of each of `learnings`, `None` for one that took part in no pair.
///
/// `None` altogether when a pair has another number of signs, a sign other than −1, 0 or 1, or a difference
/// that is not finite. Source: the foldover of Box & Wilson (1951), JRSS B 13, 1–45; as a Banzhaf value Wang
/// & Jia (2023), arXiv 2205.15466.
pub fn contrasts(pairs: &[FoldoverPair<'_>], learnings: usize) -> Option<Vec<Option<Contrast>>> {
    if !are_valid(pairs, learnings) {
        return None;
    }
    let moments = moments(pairs, learnings);
    let counts = pair_counts(pairs, learnings);
    let contrast = |(sum, pairs): (f64, usize)| {
        (0 < pairs).then(|| Contrast {
            mean: sum / pairs as f64,
            pairs,
        })
    };
    Some(moments.into_iter().zip(counts).map(contrast).collect())
}

/// Least squares of difference on signs, no intercept, for `learnings` columns; errors by pair (HC2) and by
/// task (CR1).
///
/// The CR1 factor is G/(G−1) × (N−1)/(N−K) for G tasks, N pairs and K independent columns; the t distribution
/// of an effect has one degree of freedom fewer than there are tasks in which the learning took part, as only
/// those inform it. `None` as for `contrasts`. Source: MacKinnon & White (1985), J. Econometrics 29, 305–325,
/// for HC2; Cameron & Miller (2015), J. Human Resources 50, 317–372, for CR1.
pub fn regress(pairs: &[FoldoverPair<'_>], learnings: usize) -> Option<Fit> {
    if !are_valid(pairs, learnings) {
        return None;
    }
    let factor = factor(&gram(pairs, learnings), COLLINEAR);
    let tasks = Clustering::by(&pairs.iter().map(|pair| pair.task).collect::<Vec<usize>>());
    let moments = moments(pairs, learnings);
    let coefficients = factor.solve(
        &factor
            .pivots
            .iter()
            .map(|pivot| moments[*pivot])
            .collect::<Vec<f64>>(),
    );
    let spread = Spread::of(pairs, &tasks, &factor, &coefficients);
    let pair_counts = pair_counts(pairs, learnings);
    let task_counts = task_counts(pairs, &tasks, learnings);
    let mut effects: Vec<LearningEffect> = entanglements(&factor, &pair_counts);
    for (index, learning) in factor.pivots.iter().enumerate() {
        if matches!(effects[*learning], LearningEffect::NoPairs) {
            effects[*learning] = LearningEffect::Estimated(Effect {
                estimate: coefficients[index],
                pair_error: spread.pair_error(index),
                task_error: spread.task_error(index, task_counts[*learning]),
                pairs: pair_counts[*learning],
                tasks: task_counts[*learning],
            });
        }
    }
    Some(Fit {
        effects,
        pairs: pairs.len(),
        tasks: tasks.count(),
        columns: factor.pivots.len(),
    })
}

/// `Collinear` for every learning caught in a dependence, `NoPairs` for all others, to be filled in where
/// there is an estimate.
fn entanglements(factor: &Factor, pair_counts: &[usize]) -> Vec<LearningEffect> {
    let mut partners: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); pair_counts.len()];
    let is_dependent =
        |learning: &usize| 0 < pair_counts[*learning] && !factor.pivots.contains(learning);
    for learning in (0..pair_counts.len()).filter(is_dependent) {
        let weights = factor.weights_of(learning);
        let weighted = factor
            .pivots
            .iter()
            .zip(weights)
            .filter(|(_, weight)| 1e-8 < weight.abs());
        let group: Vec<usize> = weighted
            .map(|(pivot, _)| *pivot)
            .chain([learning])
            .collect();
        for member in &group {
            partners[*member].extend(group.iter().filter(|other| *other != member));
        }
    }
    let effect = |with: BTreeSet<usize>| match with.is_empty() {
        true => LearningEffect::NoPairs,
        false => LearningEffect::Collinear {
            with: with.into_iter().collect(),
        },
    };
    partners.into_iter().map(effect).collect()
}

fn are_valid(pairs: &[FoldoverPair<'_>], learnings: usize) -> bool {
    pairs.iter().all(|pair| {
        pair.signs.len() == learnings
            && pair.difference.is_finite()
            && pair.signs.iter().all(|sign| (-1..=1).contains(sign))
    })
}

/// ZᵀZ as rows; whole numbers, so exact.
fn gram(pairs: &[FoldoverPair<'_>], learnings: usize) -> Vec<Vec<f64>> {
    let mut gram = vec![vec![0.0; learnings]; learnings];
    for pair in pairs {
        for (row, left) in gram
            .iter_mut()
            .zip(pair.signs)
            .filter(|(_, left)| **left != 0)
        {
            row.iter_mut()
                .zip(pair.signs)
                .for_each(|(entry, right)| *entry += f64::from(left * right));
        }
    }
    gram
}

/// Zᵀd.
fn moments(pairs: &[FoldoverPair<'_>], learnings: usize) -> Vec<f64> {
    let mut moments = vec![0.0; learnings];
    for pair in pairs {
        moments
            .iter_mut()
            .zip(pair.signs)
            .for_each(|(sum, sign)| *sum += f64::from(*sign) * pair.difference);
    }
    moments
}

fn pair_counts(pairs: &[FoldoverPair<'_>], learnings: usize) -> Vec<usize> {
    let mut counts = vec![0; learnings];
    for pair in pairs {
        counts
            .iter_mut()
            .zip(pair.signs)
            .for_each(|(count, sign)| *count += usize::from(*sign != 0));
    }
    counts
}

fn task_counts(pairs: &[FoldoverPair<'_>], tasks: &Clustering, learnings: usize) -> Vec<usize> {
    let mut is_seen = vec![false; learnings * tasks.count()];
    let mut counts = vec![0; learnings];
    for (pair, task) in pairs.iter().zip(tasks.slots()) {
        let seen = &mut is_seen[task * learnings..(task + 1) * learnings];
        for ((flag, count), sign) in seen.iter_mut().zip(&mut counts).zip(pair.signs) {
            *count += usize::from(*sign != 0 && !*flag);
            *flag |= *sign != 0;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(task: usize, signs: &[i8], difference: f64) -> FoldoverPair<'_> {
        FoldoverPair {
            task,
            signs,
            difference,
        }
    }

    #[test]
    fn a_learning_that_took_part_in_no_pair_has_no_effect() {
        let pairs = [
            pair(0, &[1, 0], 1.0),
            pair(1, &[-1, 0], 0.0),
            pair(2, &[1, 0], 0.0),
        ];
        let fit = regress(&pairs, 2).expect("valid pairs");
        assert_eq!(fit.effects[1], LearningEffect::NoPairs);
        assert!(matches!(
            fit.effects[0],
            LearningEffect::Estimated(Effect {
                pairs: 3,
                tasks: 3,
                ..
            })
        ));
        let contrasts = contrasts(&pairs, 2).expect("valid pairs");
        assert_eq!(
            contrasts,
            [
                Some(Contrast {
                    mean: 1.0 / 3.0,
                    pairs: 3
                }),
                None
            ]
        );
    }

    #[test]
    fn learnings_that_always_go_together_cannot_be_told_apart_and_the_rest_can() {
        let pairs = [
            pair(0, &[1, -1, 1], 1.0),
            pair(1, &[-1, 1, 1], 0.0),
            pair(2, &[1, -1, -1], 0.0),
            pair(3, &[-1, 1, -1], 1.0),
        ];
        let fit = regress(&pairs, 3).expect("valid pairs");
        assert_eq!(fit.effects[0], LearningEffect::Collinear { with: vec![1] });
        assert_eq!(fit.effects[1], LearningEffect::Collinear { with: vec![0] });
        assert!(matches!(fit.effects[2], LearningEffect::Estimated(_)));
        assert_eq!(fit.columns, 2);
    }

    #[test]
    fn a_perfect_fit_has_an_error_of_zero_and_so_no_interval() {
        let pairs = [pair(0, &[1], 0.5), pair(1, &[-1], -0.5), pair(2, &[1], 0.5)];
        let fit = regress(&pairs, 1).expect("valid pairs");
        let LearningEffect::Estimated(effect) = &fit.effects[0] else {
            panic!("one learning, one column")
        };
        assert_eq!(effect.task_error.map(|error| error.value), Some(0.0));
        assert_eq!(effect.interval(Confidence::NINETY_FIVE), None);
    }

    #[test]
    fn as_many_columns_as_pairs_leave_no_error() {
        let fit =
            regress(&[pair(0, &[1, 1], 0.5), pair(1, &[1, -1], 0.0)], 2).expect("valid pairs");
        let LearningEffect::Estimated(effect) = &fit.effects[0] else {
            panic!("two independent columns")
        };
        assert_eq!((effect.pair_error, effect.task_error), (None, None));
    }

    #[test]
    fn broken_pairs_are_refused_and_no_pairs_say_nothing() {
        assert_eq!(regress(&[pair(0, &[1, 1], 0.5)], 3), None);
        assert_eq!(regress(&[pair(0, &[1, 2], 0.5)], 2), None);
        assert_eq!(contrasts(&[pair(0, &[1, 1], f64::NAN)], 2), None);
        assert_eq!(
            regress(&[], 1).map(|fit| fit.effects),
            Some(vec![LearningEffect::NoPairs])
        );
    }

    #[test]
    fn many_learnings_are_told_apart_in_reasonable_time() {
        let mut state = 1u64;
        let mut sign = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if state >> 63 == 0 { 1i8 } else { -1 }
        };
        let signs: Vec<Vec<i8>> = (0..5000)
            .map(|_| (0..150).map(|_| sign()).collect())
            .collect();
        let pairs: Vec<FoldoverPair<'_>> = signs
            .iter()
            .enumerate()
            .map(|(row, signs)| pair(row % 500, signs, f64::from(signs[3]) * 0.5))
            .collect();
        let fit = regress(&pairs, 150).expect("valid pairs");
        let LearningEffect::Estimated(effect) = &fit.effects[3] else {
            panic!("random columns are independent")
        };
        assert!((effect.estimate - 0.5).abs() < 1e-12);
    }
}
