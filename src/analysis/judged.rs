//! What labels say of a judge: how it agrees with people in each arm, and what the arms come to without its errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::{
    Confidence, CorrectedDifference, CorrectedRate, LabelCounts, corrected_difference,
    corrected_difference_by_arm, corrected_rate, fisher_greater,
};

/// One criterion of one piece of work, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The piece of work.
    pub item: &'a str,
    /// The arm; empty where nobody says.
    pub arm: &'a str,
    /// What a person found, where one looked.
    pub human: Option<bool>,
    /// What the judge found.
    pub judge: bool,
}

/// How the judge fared in one arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmLabels {
    /// The arm; empty where nobody says.
    pub arm: String,
    /// Criterion by criterion.
    pub criteria: LabelCounts,
    /// Whole items, met where every criterion is: what a rubric completes by.
    pub items: LabelCounts,
}

/// What the judge found of an arm, with and without its errors.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmRate {
    /// The arm.
    pub arm: String,
    /// Items it found met in every criterion.
    pub met: u64,
    /// Items judged.
    pub judged: u64,
    /// Whether the arm's own labels corrected it; all labels did where it lacks a class.
    pub is_by_arm: bool,
    /// The rate without its errors; `None` where it is no better than guessing.
    pub corrected: Option<CorrectedRate>,
}

/// Candidate minus baseline, judged and without the judge's errors.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedEffect {
    /// As judged, −1 to 1.
    pub judged: f64,
    /// Items judged under both arms.
    pub shared: usize,
    /// Where the judge errs alike in both arms.
    pub corrected: Option<CorrectedDifference>,
    /// Each arm by its own labels; `None` where one has no labels of both classes.
    pub corrected_by_arm: Option<CorrectedDifference>,
}

/// Label counts by arm, arms in the order of their names.
pub fn arm_labels(judged: &[Judged<'_>]) -> Vec<ArmLabels> {
    let mut arms: BTreeMap<&str, LabelCounts> = BTreeMap::new();
    for it in judged {
        let counts = arms.entry(it.arm).or_default();
        if let Some(human) = it.human {
            counts.add(human, it.judge);
        }
    }
    let mut labels: Vec<ArmLabels> = arms
        .into_iter()
        .map(|(arm, criteria)| ArmLabels {
            arm: arm.to_owned(),
            criteria,
            items: LabelCounts::default(),
        })
        .collect();
    for ((arm, _), (human, judge)) in items(judged) {
        let own = labels.iter_mut().find(|it| it.arm == arm);
        if let (Some(own), Some(human)) = (own, human) {
            own.items.add(human, judge);
        }
    }
    labels
}

/// Each arm's rate of items met, corrected by its own labels where it has both classes, else by all.
pub fn arm_rates(
    judged: &[Judged<'_>],
    labels: &[ArmLabels],
    confidence: Confidence,
) -> Vec<ArmRate> {
    let all = pooled(labels.iter().map(|it| &it.items));
    let items = items(judged);
    labels
        .iter()
        .map(|own| {
            let found = || items.iter().filter(|((arm, _), _)| *arm == own.arm);
            let met = found().filter(|(_, (_, judge))| *judge).count() as u64;
            let judged = found().count() as u64;
            let is_by_arm = own.items.youden().is_some();
            let counts = if is_by_arm { &own.items } else { &all };
            ArmRate {
                arm: own.arm.clone(),
                met,
                judged,
                is_by_arm,
                corrected: corrected_rate(met, judged, counts, confidence),
            }
        })
        .collect()
}

/// Candidate minus baseline; `None` where one of them was not judged.
pub fn effect(
    judged: &[Judged<'_>],
    labels: &[ArmLabels],
    [candidate, baseline]: [&str; 2],
    confidence: Confidence,
) -> Option<JudgedEffect> {
    let items = items(judged);
    let of = |arm: &str| -> BTreeMap<&str, f64> {
        let own = items.iter().filter(|((of, _), _)| *of == arm);
        own.map(|((_, item), (_, judge))| (*item, f64::from(u8::from(*judge))))
            .collect()
    };
    let (one, other) = (of(candidate), of(baseline));
    let rates = [mean(&one)?, mean(&other)?];
    let counts = |arm: &str| labels.iter().find(|it| it.arm == arm).map(|it| it.items);
    let all = pooled(labels.iter().map(|it| &it.items));
    let by_arm = || {
        let counts = [counts(candidate)?, counts(baseline)?];
        let [one_index, other_index] = [counts[0].youden()?, counts[1].youden()?];
        let error = error_of([&one, &other], [1.0 / one_index, 1.0 / other_index])?;
        corrected_difference_by_arm(rates, error, [&counts[0], &counts[1]], confidence)
    };
    let plain = error_of([&one, &other], [1.0, 1.0]);
    Some(JudgedEffect {
        judged: rates[0] - rates[1],
        shared: one.keys().filter(|it| other.contains_key(*it)).count(),
        corrected: plain
            .and_then(|error| corrected_difference(rates[0] - rates[1], error, &all, confidence)),
        corrected_by_arm: by_arm(),
    })
}

/// Whether labels show that the judge errs differently in two arms: the smaller of two two-sided exact p-values, for
/// sensitivity and for specificity, doubled; from 0 to 1.
///
/// Source: Fisher (1922), twice the smaller tail; Bonferroni over the two.
pub fn errs_by_arm(one: &LabelCounts, other: &LabelCounts) -> f64 {
    let sides = [
        (
            (one.true_positive, one.labelled_positive),
            (other.true_positive, other.labelled_positive),
        ),
        (
            (one.true_negative, one.labelled_negative),
            (other.true_negative, other.labelled_negative),
        ),
    ];
    let small = |it: u64| u32::try_from(it).unwrap_or(u32::MAX / 4);
    let two_sided = |((right, all), (of_right, of_all)): ((u64, u64), (u64, u64))| {
        let row = |right: u64, all: u64| [small(right), small(all.saturating_sub(right))];
        let (first, second) = (row(right, all), row(of_right, of_all));
        let tail = fisher_greater([first, second]).min(fisher_greater([second, first]));
        (2.0 * tail).min(1.0)
    };
    let smaller = sides.into_iter().map(two_sided).fold(1.0, f64::min);
    (2.0 * smaller).min(1.0)
}

/// The sum of some counts.
pub fn pooled<'a>(counts: impl Iterator<Item = &'a LabelCounts>) -> LabelCounts {
    counts.fold(LabelCounts::default(), |sum, it| LabelCounts {
        true_positive: sum.true_positive + it.true_positive,
        labelled_positive: sum.labelled_positive + it.labelled_positive,
        true_negative: sum.true_negative + it.true_negative,
        labelled_negative: sum.labelled_negative + it.labelled_negative,
    })
}

/// Of each item of each arm, whether people found every criterion met, where they looked at all of them, and whether the
/// judge did.
fn items<'a>(judged: &[Judged<'a>]) -> BTreeMap<(&'a str, &'a str), (Option<bool>, bool)> {
    let mut items = BTreeMap::new();
    for it in judged {
        let (human, judge) = items.entry((it.arm, it.item)).or_insert((Some(true), true));
        *human = human.zip(it.human).map(|(all, one)| all && one);
        *judge &= it.judge;
    }
    items
}

fn mean(values: &BTreeMap<&str, f64>) -> Option<f64> {
    (!values.is_empty()).then(|| values.values().sum::<f64>() / values.len() as f64)
}

/// The standard error of `weights[0]`·mean of the one − `weights[1]`·mean of the other: over items judged in both arms
/// where there are two or more and no others, else as of independent samples. `None` where nothing varies.
fn error_of([one, other]: [&BTreeMap<&str, f64>; 2], [of_one, of_other]: [f64; 2]) -> Option<f64> {
    let is_paired = 2 <= one.len() && one.keys().eq(other.keys());
    let variance = match is_paired {
        true => {
            let pairs = one.values().zip(other.values());
            let values: Vec<f64> = pairs
                .map(|(one, other)| of_one * one - of_other * other)
                .collect();
            variance_of_mean(&values)?
        }
        false => {
            let variance = |values: &BTreeMap<&str, f64>| {
                variance_of_mean(&values.values().copied().collect::<Vec<f64>>())
            };
            of_one * of_one * variance(one)? + of_other * of_other * variance(other)?
        }
    };
    Some(variance.sqrt()).filter(|it| 0.0 < *it)
}

fn variance_of_mean(values: &[f64]) -> Option<f64> {
    let number = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / number;
    let squares: f64 = values.iter().map(|it| (it - mean).powi(2)).sum();
    Some(squares / (number * (number - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINETY_FIVE: Confidence = Confidence::NINETY_FIVE;

    fn judged<'a>(item: &'a str, arm: &'a str, human: Option<bool>, judge: bool) -> Judged<'a> {
        Judged {
            item,
            arm,
            human,
            judge,
        }
    }

    #[test]
    fn an_item_is_met_where_all_of_its_criteria_are() {
        let labels = arm_labels(&[
            judged("a", "bare", Some(true), true),
            judged("a", "bare", Some(true), false),
            judged("b", "bare", Some(false), false),
            judged("b", "bare", None, true),
        ]);
        let [bare] = labels.as_slice() else {
            panic!("one arm")
        };
        assert_eq!(
            (bare.criteria.true_positive, bare.criteria.labelled_positive),
            (1, 2)
        );
        assert_eq!(
            (bare.criteria.true_negative, bare.criteria.labelled_negative),
            (1, 1)
        );
        assert_eq!(
            (bare.items.labelled(), bare.items.true_positive),
            (1, 0),
            "b was not looked at whole"
        );
    }

    #[test]
    fn pairs_narrow_an_effect_and_a_perfect_judge_leaves_it() {
        let names: Vec<String> = (0..40).map(|it| format!("i{it}")).collect();
        let mut all = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let (bare, dreamed) = (index < 10, index < 24);
            all.push(judged(name, "bare", Some(bare), bare));
            all.push(judged(name, "dreamed", Some(dreamed), dreamed));
        }
        let labels = arm_labels(&all);
        let found = effect(&all, &labels, ["dreamed", "bare"], NINETY_FIVE).unwrap();
        let expected = (0.35_f64 * 0.65 / 39.0).sqrt();
        assert!((found.judged - 0.35).abs() < 1e-12 && found.shared == 40);
        for corrected in [found.corrected.unwrap(), found.corrected_by_arm.unwrap()] {
            assert!((corrected.estimate - 0.35).abs() < 1e-12);
            assert!((corrected.standard_error - expected).abs() < 1e-12);
        }
        let rates = arm_rates(&all, &labels, NINETY_FIVE);
        assert!((rates[0].corrected.unwrap().estimate - 0.25).abs() < 1e-12 && rates[0].is_by_arm);
        assert_eq!(
            effect(&all, &labels, ["dreamed", "stored"], NINETY_FIVE),
            None
        );
    }

    #[test]
    fn errors_by_arm_show_where_they_are_large() {
        let counts = |true_negative| LabelCounts {
            true_positive: 45,
            labelled_positive: 50,
            true_negative,
            labelled_negative: 50,
        };
        assert!(errs_by_arm(&counts(45), &counts(20)) < 1e-4);
        assert_eq!(errs_by_arm(&counts(45), &counts(45)), 1.0);
    }
}
