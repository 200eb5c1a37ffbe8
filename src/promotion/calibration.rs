//! A judge's calibration: what it was held against, kept as a file. Without one that fits, a judge may inform and not gate.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    analysis::{
        evidence::Comparison,
        judged::{ArmLabels, errs_by_arm, pooled},
    },
    domain::id::Digest,
    error::{Error, Result, without_place},
    promotion::figures::{arm_words, chance, percent, points, range},
    statistics::{
        Confidence, CorrectedDifference, LabelCounts, StandardError, corrected_difference,
    },
};

/// Labels of each class below which sensitivity and specificity are known too coarsely to be relied on.
const FEW: u64 = 50;
/// The chance of calling errors alike in both arms different.
const BY_ARM: f64 = 0.05;

/// A calibration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Version of this shape.
    pub format: u32,
    /// The judge, by name.
    pub judge: String,
    /// The digest of all its verdicts depend on.
    pub judge_digest: Digest,
    /// The digest of the table of labels.
    pub labels: Digest,
    /// Judgements asked for while calibrating.
    pub asked: u32,
    /// Judgements the table held already.
    pub given: u32,
    /// The criteria labelled, by name.
    pub criteria: Vec<String>,
    /// How the judge fared, by arm.
    pub arms: Vec<ArmLabels>,
}

impl Calibration {
    /// Reads a calibration file.
    ///
    /// # Errors
    /// It is none, of another format, or its counts cannot be.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mend =
            "write one with `dreameval judge calibrate --labels FILE --judge MODEL --out FILE`";
        let read: Self = serde_json::from_str(text).map_err(|fault| {
            Error::input("this is not a calibration file")
                .in_file(path)
                .at(fault.line().max(1), fault.column().max(1))
                .because(without_place(&fault))
                .mend(mend)
        })?;
        if read.format != 1 {
            return Err(Error::input(format!(
                "this calibration has format {}, and 1 is known here",
                read.format
            ))
            .in_file(path)
            .mend("read it with the version that wrote it, or write it anew"));
        }
        let is_possible = |it: &ArmLabels| it.criteria.are_possible() && it.items.are_possible();
        match read.arms.iter().all(is_possible) {
            true => Ok(read),
            false => Err(
                Error::input("this calibration counts more right than labelled, or more labels than people write")
                    .in_file(path)
                    .mend(mend),
            ),
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// A bug of ours.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map(|text| format!("{text}\n"))
            .map_err(|fault| Error::bug("the calibration could not be written").because(fault))
    }

    /// All arms' labels, criterion by criterion.
    pub fn criteria_in_all(&self) -> LabelCounts {
        pooled(self.arms.iter().map(|it| &it.criteria))
    }

    /// All arms' labels, item by item.
    pub fn items_in_all(&self) -> LabelCounts {
        pooled(self.arms.iter().map(|it| &it.items))
    }

    /// What must be said of the calibration before anything is believed, in sentences.
    pub fn doubts(&self) -> Vec<String> {
        let all = self.criteria_in_all();
        let mut doubts = Vec::new();
        if all.labelled_positive.min(all.labelled_negative) < FEW {
            doubts.push(format!(
                "people labelled {} met and {} not met; at least {FEW} of each are advised",
                all.labelled_positive, all.labelled_negative
            ));
        }
        if self.arms.len() < 2 {
            doubts.push(
                "the labels name no arms to compare, so nothing shows that the judge errs alike in each".to_owned(),
            );
        }
        doubts.extend(self.differing());
        doubts
    }

    /// Why this judge may not gate a comparison of two arms; `None` where it may.
    pub fn objection(&self, judge: &Digest, arms: [&str; 2]) -> Option<String> {
        if self.judge_digest != *judge {
            return Some(format!(
                "the calibration is of another judge or prompt (`{}`, {}; this run's is {})",
                self.judge,
                self.judge_digest.short(),
                judge.short()
            ));
        }
        let all = self.criteria_in_all();
        let (met, not_met) = all.intervals(Confidence::NINETY_FIVE);
        if all.youden().is_none() || met.low + not_met.low <= 1.0 {
            return Some(format!(
                "the labels do not show that the judge is better than guessing: it agreed on {} of {} met and {} of {} \
                 not met",
                all.true_positive, all.labelled_positive, all.true_negative, all.labelled_negative
            ));
        }
        let of = |arm: &str| self.arms.iter().find(|it| it.arm == arm);
        match (of(arms[0]), of(arms[1])) {
            (Some(one), Some(other)) => differs(one, other),
            // A judge that favours any arm may favour one nobody labelled.
            _ => self.differing().into_iter().next(),
        }
    }

    /// That pairs of arms show different errors, in sentences.
    fn differing(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (index, one) in self.arms.iter().enumerate() {
            let others = self.arms[index + 1..].iter();
            found.extend(others.filter_map(|other| differs(one, other)));
        }
        found
    }

    /// A difference between arms without the judge's errors, which are taken to be alike in both.
    pub fn corrected(&self, compared: &Comparison) -> Option<CorrectedDifference> {
        let found = &compared.difference;
        let corrected = corrected_difference(
            found.estimate?,
            found.se?,
            &self.items_in_all(),
            Confidence::NINETY_FIVE,
        )?;
        let error = StandardError {
            value: corrected.standard_error,
            degrees_of_freedom: found.df?,
        };
        Some(corrected.bounded(error, Confidence::NINETY_FIVE))
    }
}

/// That two arms' labels show different errors, where they do.
fn differs(one: &ArmLabels, other: &ArmLabels) -> Option<String> {
    let p = errs_by_arm(&one.criteria, &other.criteria);
    (p <= BY_ARM).then(|| {
        format!(
            "the judge errs differently with {} than with {} (p {}), so that even the sign of a difference is not safe",
            arm_words(&one.arm),
            arm_words(&other.arm),
            chance(p)
        )
    })
}

/// How a run's rubrics were judged, and whether that may decide anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Why the judge may inform and not gate; `None` where it may.
    pub objection: Option<String>,
    /// What a reader must know, in sentences.
    pub says: Vec<String>,
}

/// The judge of a run and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Bar<'a> {
    /// The judge, by name.
    pub judge: &'a str,
    /// Its digest.
    pub digest: &'a Digest,
    /// Its calibration, where there is one.
    pub calibration: Option<&'a Calibration>,
    /// Names of the criteria it judged.
    pub criteria: &'a [String],
    /// Whether rubrics alone complete a task, so that completion is what the labels speak of.
    pub is_all: bool,
}

impl Bar<'_> {
    /// What may be made of comparisons that rest on this judge; `arms` are candidate and baseline of the one that counts.
    pub fn standing(&self, comparisons: &[Comparison], arms: [&str; 2]) -> Standing {
        let judge = self.judge;
        let Some(calibration) = self.calibration else {
            let objection = format!(
                "rubrics are judged by `{judge}`, and no calibration file says how well: a judge without a calibration \
                 file may inform but not gate"
            );
            return Standing {
                says: vec![objection.clone()],
                objection: Some(objection),
            };
        };
        let objection = calibration.objection(self.digest, arms).map(|why| {
            format!("rubrics are judged by `{judge}`, which may inform but not gate: {why}")
        });
        let mut says: Vec<String> = objection.iter().cloned().collect();
        if objection.is_none() {
            says.push(self.fared(calibration));
            says.extend(
                comparisons
                    .iter()
                    .filter_map(|it| self.corrected(calibration, it)),
            );
        }
        says.extend(calibration.doubts());
        says.extend(self.unlabelled(calibration));
        Standing { objection, says }
    }

    fn fared(&self, calibration: &Calibration) -> String {
        let all = calibration.criteria_in_all();
        format!(
            "rubrics are judged by `{}`: of what people found met it agreed on {} of {}, of what they found not met on {} \
             of {} ({} in all)",
            self.judge,
            all.true_positive,
            all.labelled_positive,
            all.true_negative,
            all.labelled_negative,
            all.agreement().map_or_else(String::new, percent)
        )
    }

    fn corrected(&self, calibration: &Calibration, compared: &Comparison) -> Option<String> {
        let is_completion = self.is_all && compared.outcome == "completed";
        let found = calibration.corrected(compared).filter(|_| is_completion)?;
        let interval = found.interval?;
        Some(format!(
            "{} against {}: {} as judged, {} without the judge's errors (95 % interval {})",
            arm_words(&compared.candidate),
            arm_words(&compared.baseline),
            compared
                .difference
                .estimate
                .map_or_else(String::new, points),
            points(found.estimate),
            range([interval.low, interval.high])
        ))
    }

    fn unlabelled(&self, calibration: &Calibration) -> Option<String> {
        let is_known = |it: &&String| calibration.criteria.contains(it);
        let missing: Vec<&str> = self
            .criteria
            .iter()
            .filter(|it| !is_known(it))
            .map(String::as_str)
            .collect();
        (!missing.is_empty()).then(|| {
            format!(
                "nobody labelled these criteria of the suite: {}",
                missing.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(true_positive: u64, true_negative: u64) -> LabelCounts {
        LabelCounts {
            true_positive,
            labelled_positive: 60,
            true_negative,
            labelled_negative: 60,
        }
    }

    fn calibration(arms: [(&str, LabelCounts); 2]) -> Calibration {
        Calibration {
            format: 1,
            judge: "m judge/1 votes=3".to_owned(),
            judge_digest: Digest::of(b"judge"),
            labels: Digest::of(b"labels"),
            asked: 0,
            given: 240,
            criteria: vec!["names the day".to_owned()],
            arms: arms
                .map(|(arm, counts)| ArmLabels {
                    arm: arm.to_owned(),
                    criteria: counts,
                    items: counts,
                })
                .to_vec(),
        }
    }

    #[test]
    fn a_calibrated_judge_may_gate_and_another_may_not() {
        let good = calibration([("bare", counts(55, 52)), ("dreamed", counts(54, 53))]);
        let arms = ["dreamed", "bare"];
        assert_eq!(good.objection(&Digest::of(b"judge"), arms), None);
        assert!(
            good.objection(&Digest::of(b"other"), arms)
                .unwrap()
                .starts_with("the calibration is of another judge")
        );
        assert_eq!(good.doubts(), Vec::<String>::new());
    }

    #[test]
    fn a_judge_that_guesses_or_favours_an_arm_may_not_gate() {
        let judge = Digest::of(b"judge");
        let guesser = calibration([("bare", counts(30, 32)), ("dreamed", counts(31, 30))]);
        let told = guesser.objection(&judge, ["dreamed", "bare"]).unwrap();
        assert!(
            told.ends_with("it agreed on 61 of 120 met and 62 of 120 not met"),
            "{told}"
        );
        let partial = calibration([("bare", counts(55, 55)), ("dreamed", counts(55, 30))]);
        let told = partial.objection(&judge, ["dreamed", "bare"]).unwrap();
        assert!(
            told.starts_with("the judge errs differently with"),
            "{told}"
        );
        let told = partial.objection(&judge, ["dreamed", "stored"]);
        assert!(told.is_some(), "what favours one arm may favour another");
    }

    #[test]
    fn three_labels_of_each_prove_nothing() {
        let three = LabelCounts {
            true_positive: 3,
            labelled_positive: 3,
            true_negative: 3,
            labelled_negative: 3,
        };
        let mut few = calibration([("bare", three), ("dreamed", LabelCounts::default())]);
        assert!(
            few.objection(&Digest::of(b"judge"), ["dreamed", "bare"])
                .is_some()
        );
        few.arms.clear();
        assert!(
            few.objection(&Digest::of(b"judge"), ["dreamed", "bare"])
                .is_some()
        );
    }

    #[test]
    fn a_calibration_reads_back_and_impossible_counts_are_refused() {
        let good = calibration([("bare", counts(55, 52)), ("dreamed", counts(54, 53))]);
        let path = Path::new("c.json");
        assert_eq!(
            Calibration::parse(&good.text().unwrap(), path).unwrap(),
            good
        );
        let bad = calibration([("bare", counts(99, 52)), ("dreamed", counts(54, 53))]);
        assert!(Calibration::parse(&bad.text().unwrap(), path).is_err());
        assert!(
            Calibration::parse("{}", path)
                .unwrap_err()
                .to_string()
                .contains("judge calibrate")
        );
    }

    #[test]
    fn without_a_calibration_a_judge_informs() {
        let digest = Digest::of(b"judge");
        let bar = Bar {
            judge: "m judge/1 votes=3",
            digest: &digest,
            calibration: None,
            criteria: &[],
            is_all: true,
        };
        let told = bar.standing(&[], ["dreamed", "bare"]).objection.unwrap();
        assert!(told.ends_with("a judge without a calibration file may inform but not gate"));
    }
}
