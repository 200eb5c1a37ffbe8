//! Numbers in, estimates out: rates, paired differences, exact tests, attribution by regression,
//! multiplicity.
//!
//! Nothing here knows of files, agents or reports. What is undefined for an input is `None`, never NaN, and
//! no interval has zero width.

pub mod cells;
pub mod clusters;
pub mod differences;
pub mod distributions;
pub mod exact;
pub mod families;
pub mod fisher;
pub mod foldover;
pub mod influence;
pub mod labelled;
pub mod multiplicity;
pub mod paired;
pub mod passes;
pub mod rates;
pub mod ratio;
pub mod sign_flip;
pub mod symmetric;

pub use cells::{Cell, PairedTask, TaskCell};
pub use clusters::{ClusterErrors, ClusteredMean, Clustering, StandardError, clustered_mean};
pub use differences::{Differences, Directions};
pub use exact::{McNemar, SignTest, mcnemar, sign_test};
pub use families::{FamilyDifference, FamilyMean, equal_family_weight, family_table};
pub use fisher::fisher_greater;
pub use foldover::{Contrast, Effect, Fit, FoldoverPair, LearningEffect, contrasts, regress};
pub use labelled::{
    CorrectedDifference, CorrectedRate, LabelCounts, corrected_difference,
    corrected_difference_by_arm, corrected_rate, prediction_powered,
};
pub use multiplicity::{benjamini_hochberg, holm};
pub use paired::{Method, PairedDifference, exact_fallback, paired_difference};
pub use passes::{pass_all_k, pass_at_k};
pub use rates::{ClusteredRate, RateMethod, clopper_pearson, clustered_rate, wilson};
pub use ratio::{RateRatio, rate_ratio};
pub use sign_flip::{FlipMethod, SignFlip, sign_flip};

use serde::{Deserialize, Serialize};

/// Two bounds with `low` < `high`, in the unit of the estimate they surround.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Interval {
    /// The whole range of a rate, 0 to 1: what is known about it before any trial.
    pub const ANY_RATE: Interval = Interval {
        low: 0.0,
        high: 1.0,
    };

    /// Whether `value` lies between the bounds, bounds included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// `high` − `low`, in the unit of the estimate.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// The part between `lowest` and `highest`, as for a difference of rates that cannot leave −1 to 1.
    pub fn within(&self, lowest: f64, highest: f64) -> Interval {
        Interval {
            low: self.low.max(lowest),
            high: self.high.min(highest),
        }
    }
}

/// How often an interval made this way covers the truth: a level strictly between 0 and 1, such as 0.95.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// 95 %.
    pub const NINETY_FIVE: Confidence = Confidence(0.95);
    /// 90 %: its bounds are the two one-sided 95 % bounds.
    pub const NINETY: Confidence = Confidence(0.90);

    /// The level as given; `None` unless it lies strictly between 0 and 1.
    pub fn new(level: f64) -> Option<Confidence> {
        (0.0 < level && level < 1.0).then_some(Confidence(level))
    }

    /// The level, strictly between 0 and 1.
    pub fn level(self) -> f64 {
        self.0
    }

    /// The chance of missing the truth: 1 − level.
    pub fn error(self) -> f64 {
        1.0 - self.0
    }

    /// The chance left in each tail by a two-sided interval: (1 − level) / 2.
    pub fn tail(self) -> f64 {
        self.error() / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_level_is_strictly_between_none_and_all() {
        assert_eq!(Confidence::new(0.95), Some(Confidence::NINETY_FIVE));
        assert_eq!(
            [0.0, 1.0, -0.1, 1.1, f64::NAN].map(Confidence::new),
            [None; 5]
        );
    }

    #[test]
    fn an_interval_includes_its_bounds() {
        let interval = Interval {
            low: 0.25,
            high: 0.5,
        };
        assert_eq!(
            [0.2, 0.25, 0.5, 0.6].map(|value| interval.contains(value)),
            [false, true, true, false]
        );
        assert_eq!(interval.width(), 0.25);
    }
}
