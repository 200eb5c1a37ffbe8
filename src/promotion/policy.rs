//! The policy file: what a dream and its learnings must show.

use std::{ops::RangeInclusive, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Result, did_you_mean},
    formats::shape::{self, Faults, Shape},
};

/// The commented policy compiled in, printed by `dreameval policy`.
pub const DEFAULT_POLICY: &str = include_str!("default-policy.toml");

/// Ways of counting trials that are missing, by the names used in evidence.
const MISSING: [&str; 5] = [
    "exclude-task",
    "broken-fails",
    "worst-case",
    "best-case",
    "limit-excluded",
];

/// What a gate may count not knowing as.
const INCONCLUSIVE: [&str; 3] = ["inconclusive", "pass", "fail"];

/// Ways of putting learnings in force.
const REVIEW: [&str; 2] = ["automatic", "manual"];

/// What a dream and its learnings must show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Sizes that matter.
    pub effect: EffectLimits,
    /// How often we accept to be wrong.
    pub error: ErrorRates,
    /// How much must be known of a learning.
    pub evidence: EvidenceLimits,
    /// How many broken trials are too many.
    pub broken: BrokenLimits,
    /// How the dream is judged.
    pub dream: DreamRules,
    /// What a gate compares with, and what it calls undecided.
    #[serde(default)]
    pub gate: GateRules,
    /// Who must agree before a learning is put in force.
    #[serde(default)]
    pub review: ReviewRules,
}

/// Sizes that matter, as differences of rates from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectLimits {
    /// The smallest gain worth its words.
    pub least_gain: f64,
    /// The loss from which a role or family is named as hurt.
    pub tolerated_loss: f64,
}

/// Accepted error rates, above 0 and below 0.5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRates {
    /// One-sided, for a gain.
    pub promote: f64,
    /// One-sided, for harm and for more violations.
    pub harm: f64,
    /// Expected share of false ones among the promoted.
    pub false_discovery: f64,
}

/// How much must be known of a learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLimits {
    /// Foldover pairs in which it was eligible.
    pub least_pairs: u32,
    /// Distinct tasks among them.
    pub least_tasks: u32,
    /// Share of trials that had it in which it must have been shown, 0 to 1.
    pub least_surfaced: f64,
    /// Share of trials shown it in which an action must have followed it, 0 to 1.
    pub least_followed: f64,
}

/// How many broken trials are too many, as shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokenLimits {
    /// In one arm.
    pub share: f64,
    /// Between the two arms of a comparison.
    pub apart: f64,
}

/// How the dream is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DreamRules {
    /// Baselines to beat, in this order.
    pub contrasts: Vec<String>,
    /// How missing trials enter the headline.
    pub missing: String,
}

/// What a gate compares with, and what it calls undecided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRules {
    /// The arm the candidate must not fall below.
    pub baseline: String,
    /// What not knowing counts as: `inconclusive`, `pass` or `fail`.
    pub inconclusive: String,
}

/// Who must agree before a learning is put in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRules {
    /// `automatic` or `manual`.
    pub mode: String,
    /// Whether nobody may approve what they wrote or put in force themselves.
    pub four_eyes: bool,
    /// Days after which a promoted set should be evaluated anew.
    pub expiry_days: u32,
}

impl Default for GateRules {
    fn default() -> Self {
        Self {
            baseline: "stored".to_owned(),
            inconclusive: "inconclusive".to_owned(),
        }
    }
}

impl Default for ReviewRules {
    fn default() -> Self {
        Self {
            mode: "automatic".to_owned(),
            four_eyes: false,
            expiry_days: 90,
        }
    }
}

impl Default for Policy {
    /// The policy of [`DEFAULT_POLICY`]; a test keeps the two together.
    fn default() -> Self {
        Self {
            effect: EffectLimits {
                least_gain: 0.05,
                tolerated_loss: 0.03,
            },
            error: ErrorRates {
                promote: 0.05,
                harm: 0.05,
                false_discovery: 0.05,
            },
            evidence: EvidenceLimits {
                least_pairs: 20,
                least_tasks: 3,
                least_surfaced: 0.5,
                least_followed: 0.1,
            },
            broken: BrokenLimits {
                share: 0.05,
                apart: 0.03,
            },
            dream: DreamRules {
                contrasts: ["bare", "stored", "placebo"].map(str::to_owned).into(),
                missing: "exclude-task".to_owned(),
            },
            gate: GateRules::default(),
            review: ReviewRules::default(),
        }
    }
}

impl Policy {
    /// Reads a policy; keys left out keep their default. All faults are reported together.
    ///
    /// # Errors
    ///
    /// What is not TOML, unknown keys, and values out of range, each with `path`, line and column.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let faults = Faults::new(path, text);
        let table = shape::parse(&faults);
        let mut policy = Self::default();
        if faults.is_clean() {
            policy.read(Shape::new(&faults, &table, "the policy"));
        }
        match faults.into_error() {
            Some(error) => Err(error),
            None => Ok(policy),
        }
    }

    fn read(&mut self, root: Shape<'_>) {
        root.number("format", 1..2);
        if let Some(table) = root.shape("effect", "`effect`") {
            between(&table, "least_gain", 0.0..=1.0, &mut self.effect.least_gain);
            let loss = &mut self.effect.tolerated_loss;
            between(&table, "tolerated_loss", 0.0..=1.0, loss);
            table.finish();
        }
        if let Some(table) = root.shape("error", "`error`") {
            between(&table, "promote", CHANCE, &mut self.error.promote);
            between(&table, "harm", CHANCE, &mut self.error.harm);
            let share = &mut self.error.false_discovery;
            between(&table, "false_discovery", CHANCE, share);
            table.finish();
        }
        if let Some(table) = root.shape("evidence", "`evidence`") {
            let limits = &mut self.evidence;
            count(&table, "least_pairs", &mut limits.least_pairs);
            count(&table, "least_tasks", &mut limits.least_tasks);
            let surfaced = &mut limits.least_surfaced;
            between(&table, "least_surfaced", 0.0..=1.0, surfaced);
            let followed = &mut limits.least_followed;
            between(&table, "least_followed", 0.0..=1.0, followed);
            table.finish();
        }
        if let Some(table) = root.shape("broken", "`broken`") {
            between(&table, "share", 0.0..=1.0, &mut self.broken.share);
            between(&table, "apart", 0.0..=1.0, &mut self.broken.apart);
            table.finish();
        }
        if let Some(table) = root.shape("dream", "`dream`") {
            self.dream.read(table);
        }
        if let Some(table) = root.shape("gate", "`gate`") {
            let gate = &mut self.gate;
            if let Some(baseline) = table.text("baseline") {
                gate.baseline = baseline.value;
            }
            one_of(
                &table,
                "inconclusive",
                &INCONCLUSIVE,
                &mut gate.inconclusive,
            );
            table.finish();
        }
        if let Some(table) = root.shape("review", "`review`") {
            one_of(&table, "mode", &REVIEW, &mut self.review.mode);
            if let Some(both) = table.flag("four_eyes") {
                self.review.four_eyes = both;
            }
            count(&table, "expiry_days", &mut self.review.expiry_days);
            table.finish();
        }
        root.finish();
    }
}

impl DreamRules {
    fn read(&mut self, table: Shape<'_>) {
        let before = table.faults().count();
        let contrasts = table.texts("contrasts");
        let is_list = table.faults().count() == before;
        for (index, arm) in contrasts.iter().enumerate() {
            if contrasts[..index]
                .iter()
                .any(|other| other.value == arm.value)
            {
                table.fault(arm.at, format!("`contrasts` names `{}` twice", arm.value));
            }
        }
        match contrasts.is_empty() {
            false => self.contrasts = contrasts.into_iter().map(|arm| arm.value).collect(),
            true => {
                if is_list
                    && let Some(key) = table.keys().iter().find(|key| key.value == "contrasts")
                {
                    let mend = "name at least one arm to beat, such as `bare`";
                    table.teach(key.at, "`contrasts` is empty", mend);
                }
            }
        }
        one_of(&table, "missing", &MISSING, &mut self.missing);
        table.finish();
    }
}

/// A one-sided error rate worth the name.
const CHANCE: RangeInclusive<f64> = 0.000_001..=0.5;

fn between(table: &Shape<'_>, key: &str, range: RangeInclusive<f64>, value: &mut f64) {
    let Some(number) = table.real(key) else {
        return;
    };
    *value = number;
    if let (false, Some(at)) = (range.contains(&number), place_of(table, key)) {
        let (low, high) = (range.start(), range.end());
        let what = format!("`{key}` must lie between {low} and {high}, not at {number}");
        match 1.0 < number && number <= 100.0 {
            true => table.teach(
                at,
                what,
                format!("for {number} points write {}", number / 100.0),
            ),
            false => {
                table.fault(at, what);
            }
        }
    }
}

fn one_of(table: &Shape<'_>, key: &str, known: &[&str], value: &mut String) {
    let Some(word) = table.text(key) else {
        return;
    };
    if !known.contains(&word.value.as_str()) {
        table.teach(
            word.at,
            format!("`{key}` does not know `{}`", word.value),
            did_you_mean(&word.value, "ways", known.iter().copied()),
        );
    }
    *value = word.value;
}

fn count(table: &Shape<'_>, key: &str, value: &mut u32) {
    let number = table.number(key, 0..u64::from(u32::MAX));
    if let Some(number) = number.and_then(|it| u32::try_from(it).ok()) {
        *value = number;
    }
}

fn place_of(table: &Shape<'_>, key: &str) -> Option<usize> {
    let keys = table.keys();
    keys.iter().find(|it| it.value == key).map(|it| it.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> std::result::Result<Policy, String> {
        Policy::parse(Path::new("policy.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_printed_policy_is_the_default() {
        assert_eq!(parse(DEFAULT_POLICY), Ok(Policy::default()));
    }

    #[test]
    fn the_printed_policy_names_every_key() {
        let written = toml::to_string(&Policy::default()).expect("a policy is TOML");
        for line in written.lines().filter(|line| line.contains('=')) {
            assert!(DEFAULT_POLICY.contains(line), "{line}");
        }
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse(""), Ok(Policy::default()));
    }

    #[test]
    fn a_key_changes_only_itself() {
        let mut policy = Policy::default();
        policy.dream.contrasts = vec!["bare".to_owned()];
        policy.evidence.least_pairs = 50;
        let text = "evidence.least_pairs = 50\ndream.contrasts = [\"bare\"]\n";
        assert_eq!(parse(text), Ok(policy));
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_place_and_mending() {
        let text =
            "[effect]\nleast_gian = 0.1\ntolerated_loss = 3\n\n[dream]\nmissing = \"exclude\"\n";
        assert_eq!(
            parse(text),
            Err("error: `effect` has no key `least_gian`\n  --> policy.toml:2:1\n\n\
                 hint: did you mean `least_gain`? keys: least_gain, tolerated_loss\n\n\
                 error: `tolerated_loss` must lie between 0 and 1, not at 3\n  --> policy.toml:3:1\n\n\
                 hint: for 3 points write 0.03\n\n\
                 error: `missing` does not know `exclude`\n  --> policy.toml:6:11\n\n\
                 hint: did you mean `exclude-task`? ways: exclude-task, broken-fails, worst-case, best-case, limit-excluded"
                .to_owned())
        );
    }

    #[test]
    fn a_dream_must_beat_something() {
        assert_eq!(
            parse("dream.contrasts = []"),
            Err("error: `contrasts` is empty\n  --> policy.toml:1:7\n\n\
                 hint: name at least one arm to beat, such as `bare`"
                .to_owned())
        );
    }

    #[test]
    fn what_is_not_toml_is_said_so() {
        let said = parse("[effect\n").expect_err("not TOML");
        assert!(
            said.starts_with("error: this is not TOML\n  --> policy.toml:1:"),
            "{said}"
        );
    }
}
