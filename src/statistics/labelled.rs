//! A judge against human labels: agreement, sensitivity and specificity, and what is left of its rates when its errors are
//! taken out.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::statistics::{
    Confidence, Interval, StandardError, distributions::normal_upper_quantile, wilson,
};

/// More labels of a class than people ever write.
const MOST: u64 = 1_000_000;

/// How a judge fared on things people labelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Met by the people and by the judge.
    pub true_positive: u64,
    /// Met by the people.
    pub labelled_positive: u64,
    /// Not met by the people nor by the judge.
    pub true_negative: u64,
    /// Not met by the people.
    pub labelled_negative: u64,
}

impl LabelCounts {
    /// Counts one thing.
    pub fn add(&mut self, human: bool, judge: bool) {
        match human {
            true => {
                self.labelled_positive += 1;
                self.true_positive += u64::from(judge);
            }
            false => {
                self.labelled_negative += 1;
                self.true_negative += u64::from(!judge);
            }
        }
    }

    /// Whether the counts can be: no class has more right than labelled, or more labelled than people ever label.
    pub fn are_possible(&self) -> bool {
        self.true_positive <= self.labelled_positive
            && self.true_negative <= self.labelled_negative
            && self.labelled_positive.max(self.labelled_negative) <= MOST
    }

    /// Things labelled.
    pub fn labelled(&self) -> u64 {
        self.labelled_positive + self.labelled_negative
    }

    /// The share of the met that the judge finds met, 0 to 1; `None` where nothing was met.
    pub fn sensitivity(&self) -> Option<f64> {
        share(self.true_positive, self.labelled_positive)
    }

    /// The share of the not met that the judge finds not met, 0 to 1; `None` where everything was met.
    pub fn specificity(&self) -> Option<f64> {
        share(self.true_negative, self.labelled_negative)
    }

    /// Sensitivity + specificity − 1: 1 for a perfect judge, 0 for one that guesses. Source: Youden (1950), Cancer 3, 32–35.
    pub fn youden(&self) -> Option<f64> {
        Some(self.sensitivity()? + self.specificity()? - 1.0)
    }

    /// Wilson intervals of sensitivity and specificity.
    pub fn intervals(&self, confidence: Confidence) -> (Interval, Interval) {
        (
            wilson(self.true_positive, self.labelled_positive, confidence),
            wilson(self.true_negative, self.labelled_negative, confidence),
        )
    }

    /// The share on which people and judge agree, 0 to 1.
    pub fn agreement(&self) -> Option<f64> {
        share(self.true_positive + self.true_negative, self.labelled())
    }

    /// Agreement beyond chance (Cohen's kappa) and its interval; `None` where one of the two said the same throughout.
    ///
    /// Source: Cohen (1960), Educ. Psychol. Meas. 20, 37–46; error by Fleiss, Cohen & Everitt (1969), Psychol. Bull. 72,
    /// 323–327.
    pub fn kappa(&self, confidence: Confidence) -> Option<(f64, Option<Interval>)> {
        let n = Some(self.labelled()).filter(|it| 0 < *it)? as f64;
        let missed = self.labelled_positive.checked_sub(self.true_positive)?;
        let invented = self.labelled_negative.checked_sub(self.true_negative)?;
        let table = [
            [self.true_positive as f64 / n, missed as f64 / n],
            [invented as f64 / n, self.true_negative as f64 / n],
        ];
        let rows = [table[0][0] + table[0][1], table[1][0] + table[1][1]];
        let columns = [table[0][0] + table[1][0], table[0][1] + table[1][1]];
        if rows.iter().chain(&columns).any(|it| *it <= 0.0) {
            return None;
        }
        let agreed = table[0][0] + table[1][1];
        let chance = rows[0] * columns[0] + rows[1] * columns[1];
        let kappa = (agreed - chance) / (1.0 - chance);
        let same: f64 = (0..2)
            .map(|it| table[it][it] * (1.0 - (rows[it] + columns[it]) * (1.0 - kappa)).powi(2))
            .sum();
        let apart: f64 = [(0, 1), (1, 0)]
            .into_iter()
            .map(|(row, column)| table[row][column] * (columns[row] + rows[column]).powi(2))
            .sum();
        let apart = apart * (1.0 - kappa).powi(2);
        let variance = (same + apart - (kappa - chance * (1.0 - kappa)).powi(2))
            / (n * (1.0 - chance).powi(2));
        let interval = around(kappa, variance.max(0.0).sqrt(), confidence);
        Some((kappa, interval.map(|it| it.within(-1.0, 1.0))))
    }

    /// Variance the labels add to a corrected rate: θ² of the sensitivity's and (1 − θ)² of the specificity's.
    fn label_variance(&self, (of_met, of_not_met): (f64, f64)) -> Option<f64> {
        let (s1, s0) = (self.sensitivity()?, self.specificity()?);
        let met = s1 * (1.0 - s1) / self.labelled_positive as f64;
        let not_met = s0 * (1.0 - s0) / self.labelled_negative as f64;
        Some(of_met * of_met * met + of_not_met * of_not_met * not_met)
    }

    /// Youden's index of a judge that is better than guessing.
    fn informative(&self) -> Option<f64> {
        self.youden().filter(|it| 0.0 < *it)
    }
}

/// A rate without the judge's errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CorrectedRate {
    /// The estimate as it falls out; below 0 or above 1 where counts and labels contradict each other.
    pub estimate: f64,
    /// Its standard error by the delta method.
    pub standard_error: f64,
    /// Rates from 0 to 1; `None` where counts and labels contradict each other beyond chance.
    pub interval: Option<Interval>,
}

/// The true rate behind a `rate` of things found met, known as if from `judged` independent ones, not necessarily whole.
///
/// `None` where nothing was judged or the judge is no better than guessing. Sources: Rogan & Gladen (1978), Am. J. Epidemiol.
/// 107, 71–76; interval by Lang & Reiczigel (2014), Prev. Vet. Med. 113, 13–22, the form in Lee et al., arXiv 2511.21140.
pub fn corrected_rate(
    rate: f64,
    judged: f64,
    counts: &LabelCounts,
    confidence: Confidence,
) -> Option<CorrectedRate> {
    let youden = counts.informative()?;
    if !(0.0..=1.0).contains(&rate) || judged.partial_cmp(&0.0) != Some(Ordering::Greater) {
        return None;
    }
    let estimate = (rate + counts.specificity()? - 1.0) / youden;
    let variance =
        rate * (1.0 - rate) / judged + counts.label_variance((estimate, 1.0 - estimate))?;
    Some(CorrectedRate {
        estimate,
        standard_error: variance.sqrt() / youden,
        interval: adjusted(rate, judged, counts, confidence),
    })
}

/// Lang and Reiczigel's interval: each proportion with a little added to both sides, and the centre moved.
fn adjusted(
    rate: f64,
    judged: f64,
    counts: &LabelCounts,
    confidence: Confidence,
) -> Option<Interval> {
    let z = normal_upper_quantile(confidence.tail())?;
    let all = judged + z * z;
    let rate = (judged * rate + z * z / 2.0) / all;
    let (positive, negative) = (
        counts.labelled_positive as f64 + 2.0,
        counts.labelled_negative as f64 + 2.0,
    );
    let s1 = (counts.true_positive as f64 + 1.0) / positive;
    let s0 = (counts.true_negative as f64 + 1.0) / negative;
    let youden = s1 + s0 - 1.0;
    if youden <= 0.0 {
        return Some(Interval::ANY_RATE);
    }
    let estimate = (rate + s0 - 1.0) / youden;
    let (met, not_met) = (s1 * (1.0 - s1) / positive, s0 * (1.0 - s0) / negative);
    let shift = 2.0 * z * z * (estimate * met - (1.0 - estimate) * not_met);
    let variance = rate * (1.0 - rate) / all
        + estimate * estimate * met
        + (1.0 - estimate) * (1.0 - estimate) * not_met;
    let reach = z * variance.sqrt() / youden;
    let interval = Interval {
        low: estimate + shift - reach,
        high: estimate + shift + reach,
    };
    Some(interval.within(0.0, 1.0)).filter(|it| it.low < it.high)
}

/// A difference of two rates without the judge's errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CorrectedDifference {
    /// The estimate, in rates.
    pub estimate: f64,
    /// Its standard error by the delta method.
    pub standard_error: f64,
    /// Normal interval; `None` where no error can be had.
    pub interval: Option<Interval>,
}

impl CorrectedDifference {
    /// The same with the interval of an error that has degrees of freedom; as a difference of rates it stays within −1
    /// to 1.
    pub fn bounded(self, error: StandardError, confidence: Confidence) -> Self {
        let whole = StandardError {
            value: self.standard_error,
            ..error
        };
        let interval = whole.interval(self.estimate, confidence);
        Self {
            estimate: self.estimate.clamp(-1.0, 1.0),
            interval: interval
                .map(|it| it.within(-1.0, 1.0))
                .filter(|it| it.low < it.high),
            ..self
        }
    }
}

/// The true difference behind a judged one with standard error `error`, where the judge errs alike in both arms.
///
/// `None` where the judge is no better than guessing. Source: the difference of two Rogan–Gladen estimates with shared
/// sensitivity and specificity, by the delta method.
pub fn corrected_difference(
    difference: f64,
    error: f64,
    counts: &LabelCounts,
    confidence: Confidence,
) -> Option<CorrectedDifference> {
    let youden = counts.informative()?;
    let estimate = difference / youden;
    let variance = error * error + counts.label_variance((estimate, estimate))?;
    let standard_error = variance.sqrt() / youden;
    Some(CorrectedDifference {
        estimate,
        standard_error,
        interval: around(estimate, standard_error, confidence),
    })
}

/// The true difference, candidate − baseline, where the judge errs differently by arm: each rate is corrected by its own
/// labels. `rates` are as judged; `error` is the standard error of judged candidate / J − judged baseline / J, with each
/// arm's own Youden's index J, so that pairing counts.
///
/// `None` where the judge is no better than guessing in one of the arms. Source: two Rogan–Gladen estimates with labels of
/// their own, by the delta method.
pub fn corrected_difference_by_arm(
    [candidate, baseline]: [f64; 2],
    error: f64,
    [of_candidate, of_baseline]: [&LabelCounts; 2],
    confidence: Confidence,
) -> Option<CorrectedDifference> {
    let corrected = |rate: f64, counts: &LabelCounts| {
        let youden = counts.informative()?;
        let estimate = (rate + counts.specificity()? - 1.0) / youden;
        let variance = counts.label_variance((estimate, 1.0 - estimate))?;
        Some((estimate, variance / (youden * youden)))
    };
    let (one, of_one) = corrected(candidate, of_candidate)?;
    let (other, of_other) = corrected(baseline, of_baseline)?;
    let standard_error = (error * error + of_one + of_other).sqrt();
    Some(CorrectedDifference {
        estimate: one - other,
        standard_error,
        interval: around(one - other, standard_error, confidence),
    })
}

/// A mean, or a mean difference, from a few things people and judge looked at (`labelled`, people's value first) and more
/// that the judge alone did: what the judge says of all of them, mended by where it was wrong on the few.
///
/// The weight of the judge's word is tuned and lies in 0 to 1. `None` without labels, or with nothing judged beside them.
/// The labelled must be a random part. Source: Angelopoulos et al. (2023), arXiv 2301.09633, tuned as in arXiv 2311.01453.
pub fn prediction_powered(
    labelled: &[(f64, f64)],
    unlabelled: &[f64],
    confidence: Confidence,
) -> Option<CorrectedDifference> {
    let people: Vec<f64> = labelled.iter().map(|(it, _)| *it).collect();
    let judged: Vec<f64> = labelled.iter().map(|(_, it)| *it).collect();
    let all: Vec<f64> = judged.iter().chain(unlabelled).copied().collect();
    let (of_people, of_judge) = (mean(&people)?, mean(&judged)?);
    let alone = mean(unlabelled)?;
    let (few, many) = (labelled.len() as f64, unlabelled.len() as f64);
    let shared: f64 = labelled
        .iter()
        .map(|(person, judge)| (person - of_people) * (judge - of_judge))
        .sum();
    let spread = variance(&all)?;
    let weight = match 0.0 < spread {
        true => (shared / few / ((1.0 + few / many) * spread)).clamp(0.0, 1.0),
        false => 0.0,
    };
    let left: Vec<f64> = labelled
        .iter()
        .map(|(person, judge)| person - weight * judge)
        .collect();
    let estimate = weight * alone + mean(&left)?;
    let error = weight * weight * variance(unlabelled)? / many + variance(&left)? / few;
    let standard_error = error.sqrt();
    Some(CorrectedDifference {
        estimate,
        standard_error,
        interval: around(estimate, standard_error, confidence),
    })
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean squared distance from the mean.
fn variance(values: &[f64]) -> Option<f64> {
    let middle = mean(values)?;
    let squares: Vec<f64> = values.iter().map(|it| (it - middle).powi(2)).collect();
    mean(&squares)
}

fn around(estimate: f64, error: f64, confidence: Confidence) -> Option<Interval> {
    let reach = normal_upper_quantile(confidence.tail())? * error;
    (0.0 < reach).then_some(Interval {
        low: estimate - reach,
        high: estimate + reach,
    })
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (0 < whole).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINETY_FIVE: Confidence = Confidence::NINETY_FIVE;

    fn counts(
        true_positive: u64,
        labelled_positive: u64,
        true_negative: u64,
        labelled_negative: u64,
    ) -> LabelCounts {
        LabelCounts {
            true_positive,
            labelled_positive,
            true_negative,
            labelled_negative,
        }
    }

    #[test]
    fn a_perfect_judge_needs_no_correction() {
        let corrected = corrected_rate(0.3, 40.0, &counts(50, 50, 50, 50), NINETY_FIVE).unwrap();
        assert!((corrected.estimate - 0.3).abs() < 1e-12);
        let difference =
            corrected_difference(0.2, 0.05, &counts(50, 50, 50, 50), NINETY_FIVE).unwrap();
        assert!(
            (difference.estimate - 0.2).abs() < 1e-12
                && (difference.standard_error - 0.05).abs() < 1e-12
        );
    }

    #[test]
    fn a_judge_that_guesses_corrects_nothing() {
        let guesser = counts(25, 50, 25, 50);
        assert_eq!(corrected_rate(0.3, 40.0, &guesser, NINETY_FIVE), None);
        assert_eq!(corrected_difference(0.2, 0.05, &guesser, NINETY_FIVE), None);
        assert_eq!(
            corrected_rate(0.3, 40.0, &LabelCounts::default(), NINETY_FIVE),
            None
        );
        assert_eq!(
            corrected_rate(0.0, 0.0, &counts(9, 9, 9, 9), NINETY_FIVE),
            None
        );
    }

    #[test]
    fn errors_that_favour_one_arm_can_turn_a_difference_round() {
        // Judged 0.60 against 0.50, but the judge lets half the failures of the candidate pass.
        let (lenient, strict) = (counts(50, 50, 25, 50), counts(50, 50, 50, 50));
        let found = corrected_difference_by_arm([0.6, 0.5], 0.05, [&lenient, &strict], NINETY_FIVE)
            .unwrap();
        assert!((found.estimate - (0.2 - 0.5)).abs() < 1e-12);
    }

    #[test]
    fn no_difference_of_rates_leaves_the_range_of_one() {
        let found = corrected_difference(0.95, 0.05, &counts(45, 50, 50, 50), NINETY_FIVE).unwrap();
        let error = StandardError {
            value: found.standard_error,
            degrees_of_freedom: 20.0,
        };
        let bounded = found.bounded(error, NINETY_FIVE);
        assert!(1.0 < found.estimate && bounded.estimate == 1.0);
        let (before, after) = (found.interval.unwrap(), bounded.interval.unwrap());
        assert!(1.0 < before.high && after.high == 1.0 && after.low < before.low);
    }

    #[test]
    fn kappa_is_nothing_where_one_side_always_says_the_same() {
        assert_eq!(counts(9, 9, 0, 0).kappa(NINETY_FIVE), None);
        assert_eq!(counts(9, 9, 0, 5).kappa(NINETY_FIVE), None);
        assert_eq!(LabelCounts::default().kappa(NINETY_FIVE), None);
        let (kappa, interval) = counts(5, 5, 5, 5).kappa(NINETY_FIVE).unwrap();
        assert_eq!((kappa, interval), (1.0, None));
    }
}
