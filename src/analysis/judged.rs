//! What labels say of a judge: how it agrees with people in each arm, and what the arms come to without its errors.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::statistics::{
    Confidence, CorrectedDifference, CorrectedRate, LabelCounts, StandardError, clustered_mean,
    corrected_difference, corrected_difference_by_arm, corrected_rate, fisher_greater,
    prediction_powered, rates::effective_trials,
};

/// One criterion of one piece of work, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The piece of work.
    pub item: &'a str,
    /// Its task: repeats of one are not independent.
    pub task: &'a str,
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
    /// By the labels of these very items, prediction-powered; `None` where fewer than two items are labelled under both
    /// arms, none is not, or items are repeats of one task.
    pub powered: Option<CorrectedDifference>,
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
    for ((arm, _), item) in items(judged) {
        let own = labels.iter_mut().find(|it| it.arm == arm);
        if let (Some(own), Some(human)) = (own, item.human) {
            own.items.add(human, item.judge);
        }
    }
    labels
}

/// Each arm's rate of items met, corrected by its own labels where it has both classes, else by all; repeats of a task count
/// as far as they are independent.
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
            let found = Found::of(&items, &own.arm);
            let is_by_arm = own.items.youden().is_some();
            let counts = if is_by_arm { &own.items } else { &all };
            ArmRate {
                arm: own.arm.clone(),
                met: found.values().filter(|it| 0.5 < **it).count() as u64,
                judged: found.len() as u64,
                is_by_arm,
                corrected: found.rate().and_then(|rate| {
                    let judged = found.independent(rate, confidence)?;
                    corrected_rate(rate, judged, counts, confidence)
                }),
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
    let (one, other) = (Found::of(&items, candidate), Found::of(&items, baseline));
    let rates = [one.rate()?, other.rate()?];
    let difference = rates[0] - rates[1];
    let counts = |arm: &str| labels.iter().find(|it| it.arm == arm).map(|it| it.items);
    let all = pooled(labels.iter().map(|it| &it.items));
    let alike = || {
        let error = error_of([&one, &other], [1.0, 1.0])?;
        let found = corrected_difference(difference, error.value, &all, confidence)?;
        Some(found.bounded(error, confidence))
    };
    let by_arm = || {
        let counts = [counts(candidate)?, counts(baseline)?];
        let weights = [1.0 / counts[0].youden()?, 1.0 / counts[1].youden()?];
        let error = error_of([&one, &other], weights)?;
        let counts = [&counts[0], &counts[1]];
        let found = corrected_difference_by_arm(rates, error.value, counts, confidence)?;
        Some(found.bounded(error, confidence))
    };
    Some(JudgedEffect {
        judged: difference,
        shared: one.0.keys().filter(|it| other.0.contains_key(*it)).count(),
        corrected: alike(),
        corrected_by_arm: by_arm(),
        powered: powered(&items, [candidate, baseline], confidence),
    })
}

/// What people's labels of some pairs make of what the judge found of all of them.
fn powered(
    items: &BTreeMap<(&str, &str), Item<'_>>,
    [candidate, baseline]: [&str; 2],
    confidence: Confidence,
) -> Option<CorrectedDifference> {
    let number = |it: bool| f64::from(u8::from(it));
    let (mut labelled, mut unlabelled) = (Vec::new(), Vec::new());
    let mut tasks = BTreeSet::new();
    for ((_, item), one) in items.iter().filter(|((arm, _), _)| *arm == candidate) {
        let Some(other) = items.get(&(baseline, *item)) else {
            continue;
        };
        if !tasks.insert(one.task) {
            return None;
        }
        let judged = number(one.judge) - number(other.judge);
        match one.human.zip(other.human) {
            Some((one, other)) => labelled.push((number(one) - number(other), judged)),
            None => unlabelled.push(judged),
        }
    }
    if labelled.len() < 2 {
        return None;
    }
    prediction_powered(&labelled, &unlabelled, confidence)
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
        true_positive: sum.true_positive.saturating_add(it.true_positive),
        labelled_positive: sum.labelled_positive.saturating_add(it.labelled_positive),
        true_negative: sum.true_negative.saturating_add(it.true_negative),
        labelled_negative: sum.labelled_negative.saturating_add(it.labelled_negative),
    })
}

/// What is known of one item in one arm.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    task: &'a str,
    /// Whether people found every criterion met, where they looked at all of them.
    human: Option<bool>,
    /// Whether the judge did.
    judge: bool,
}

/// The items of each arm.
fn items<'a>(judged: &[Judged<'a>]) -> BTreeMap<(&'a str, &'a str), Item<'a>> {
    let mut items = BTreeMap::new();
    for it in judged {
        let item: &mut Item<'a> = items.entry((it.arm, it.item)).or_insert(Item {
            task: it.task,
            human: Some(true),
            judge: true,
        });
        item.human = item.human.zip(it.human).map(|(all, one)| all && one);
        item.judge &= it.judge;
    }
    items
}

/// What the judge found of the items of one arm, 1 or 0, each with its task.
struct Found<'a>(BTreeMap<&'a str, (&'a str, f64)>);

impl<'a> Found<'a> {
    fn of(items: &BTreeMap<(&'a str, &'a str), Item<'a>>, arm: &str) -> Self {
        let own = items.iter().filter(|((of, _), _)| *of == arm);
        let found = own.map(|((_, item), it)| (*item, (it.task, f64::from(u8::from(it.judge)))));
        Self(found.collect())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn values(&self) -> impl Iterator<Item = &f64> {
        self.0.values().map(|(_, value)| value)
    }

    fn rate(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.values().sum::<f64>() / self.len() as f64)
    }

    /// As how many independent items they count: all of them where each is of a task of its own, else by the error
    /// clustered by task, and as many as there are tasks where that cannot be had.
    fn independent(&self, rate: f64, confidence: Confidence) -> Option<f64> {
        let values: Vec<f64> = self.values().copied().collect();
        let tasks = numbers(self.0.values().map(|(task, _)| *task));
        let mean = clustered_mean(&values, &tasks)?;
        if mean.families == values.len() {
            return Some(values.len() as f64);
        }
        let most = values.len() as f64;
        let by_error = mean
            .family_errors
            .and_then(|it| effective_trials(rate, it.cr2, values.len() as u64, confidence));
        Some(by_error.map_or(mean.families as f64, |it| it.min(most)))
    }
}

/// The same number for the same word.
fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    words
        .map(|word| {
            let next = known.len();
            *known.entry(word).or_insert(next)
        })
        .collect()
}

/// The standard error of `weights[0]`·rate of the one − `weights[1]`·rate of the other, clustered by task: of pairs where
/// both were judged on the same items, else as of independent samples. `None` where nothing varies, or there is one task.
fn error_of([one, other]: [&Found<'_>; 2], [of_one, of_other]: [f64; 2]) -> Option<StandardError> {
    let tasks = |found: &Found<'_>| numbers(found.0.values().map(|(task, _)| *task));
    let error = |values: &[f64], tasks: &[usize]| {
        let mean = clustered_mean(values, tasks)?;
        let by_task = mean.family_errors.map(|it| it.cr2);
        by_task.filter(|it| 0.0 < it.value)
    };
    if one.0.keys().eq(other.0.keys()) {
        let pairs = one.values().zip(other.values());
        let values: Vec<f64> = pairs
            .map(|(one, other)| of_one * one - of_other * other)
            .collect();
        return error(&values, &tasks(one));
    }
    let own = |found: &Found<'_>| {
        let values: Vec<f64> = found.values().copied().collect();
        error(&values, &tasks(found))
    };
    let (first, second) = (own(one)?, own(other)?);
    let variance = (of_one * first.value).powi(2) + (of_other * second.value).powi(2);
    Some(StandardError {
        value: variance.sqrt(),
        degrees_of_freedom: first.degrees_of_freedom.min(second.degrees_of_freedom),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINETY_FIVE: Confidence = Confidence::NINETY_FIVE;

    fn judged<'a>(item: &'a str, arm: &'a str, human: Option<bool>, judge: bool) -> Judged<'a> {
        Judged {
            item,
            task: item,
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
    fn repeats_of_a_task_count_for_less_than_as_many_tasks() {
        let names: Vec<String> = (0..40).map(|it| format!("i{it}")).collect();
        let tasks: Vec<String> = (0..40).map(|it| format!("t{}", it / 4)).collect();
        let of = |is_repeated: bool| {
            let task = |index: usize| {
                if is_repeated {
                    &tasks[index]
                } else {
                    &names[index]
                }
            };
            let judged: Vec<Judged<'_>> = (0..40)
                .flat_map(|index| {
                    [("bare", index < 8), ("dreamed", index < 24)].map(|(arm, met)| Judged {
                        item: &names[index],
                        task: task(index),
                        arm,
                        human: Some(met),
                        judge: met,
                    })
                })
                .collect();
            let labels = arm_labels(&judged);
            let rates = arm_rates(&judged, &labels, NINETY_FIVE);
            let effect = effect(&judged, &labels, ["dreamed", "bare"], NINETY_FIVE).unwrap();
            let rate = rates[1].corrected.unwrap().interval.unwrap();
            (
                rate.width(),
                effect.corrected.unwrap().interval.unwrap().width(),
            )
        };
        let (alone, repeated) = (of(false), of(true));
        assert!(
            1.5 * alone.0 < repeated.0 && 1.8 * alone.1 < repeated.1,
            "{alone:?} {repeated:?}"
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
