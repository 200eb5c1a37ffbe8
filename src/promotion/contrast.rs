//! One contrast of arms: whether the candidate beats a baseline, by the policy.
//!
//! It is passed when the gain is proven (lower bound above 0, one-sided p within the policy) and the best
//! estimate reaches the least gain. Too many broken trials decide nothing either way.

use serde::{Deserialize, Serialize};

use crate::{
    analysis::evidence::{ArmSummary, Bounds, Comparison, Evidence},
    promotion::{
        figures::{achieved, arm_words, percent, plain_points, points, range, signed},
        policy::Policy,
    },
    statistics::distributions::student_upper_quantile,
};

/// How one contrast came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContrastVerdict {
    /// The arm compared against.
    pub baseline: String,
    /// How it came out.
    pub finding: Finding,
    /// Candidate minus baseline, −1 to 1.
    pub estimate: Option<f64>,
    /// 95 %, two-sided.
    pub interval: Option<Bounds>,
    /// One-sided, at the policy's error rate for a gain.
    pub lower_bound: Option<f64>,
    /// One-sided, at the policy's error rate for harm.
    pub upper_bound: Option<f64>,
    /// The estimate and what is sure of it: `+45 points, 95 % sure of at least +38`; empty without an estimate.
    pub size: String,
    /// The finding in a sentence.
    pub says: String,
}

/// How a contrast came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The gain is proven and of a useful size.
    Gain,
    /// It surely gains less than the least gain.
    NoUsefulEffect,
    /// It is surely worse.
    Harm,
    /// Neither is sure.
    Unclear,
    /// Too many trials broke to say.
    TooManyBroken,
    /// Testing had stopped before.
    NotTested,
    /// The arm was not run.
    NotRun,
}

/// A contrast whose baseline was not run, or whose candidate, where that is named.
pub fn absent(baseline: &str, candidate: Option<&str>) -> ContrastVerdict {
    let missing = candidate.map_or_else(|| "that arm".to_owned(), arm_words);
    let says = format!(
        "Not compared with {}: {missing} was not run.",
        arm_words(baseline)
    );
    undecided(baseline, Finding::NotRun, says)
}

/// A contrast with what the dream read, which was not run.
pub fn without_input(baseline: &str) -> ContrastVerdict {
    let says = format!(
        "Not compared with {}, which was not run: so nobody can tell what the dream added to it.",
        arm_words(baseline)
    );
    undecided(baseline, Finding::NotRun, says)
}

/// A contrast the sequence never came to.
pub fn untested(compared: &Comparison) -> ContrastVerdict {
    let label = arm_words(&compared.baseline);
    let says = format!("Not tested against {label}, since an earlier comparison failed.");
    ContrastVerdict {
        estimate: compared.difference.estimate,
        interval: compared.difference.interval,
        ..undecided(&compared.baseline, Finding::NotTested, says)
    }
}

fn undecided(baseline: &str, finding: Finding, says: String) -> ContrastVerdict {
    ContrastVerdict {
        baseline: baseline.to_owned(),
        finding,
        estimate: None,
        interval: None,
        lower_bound: None,
        upper_bound: None,
        size: String::new(),
        says,
    }
}

/// A contrast decided by the policy.
pub fn tested(compared: &Comparison, evidence: &Evidence, policy: &Policy) -> ContrastVerdict {
    let headline = Headline::of(compared, policy);
    let broken = too_many_broken(compared, evidence, policy);
    let finding = match &broken {
        Some(_) => Finding::TooManyBroken,
        None => headline.finding(policy),
    };
    let size = headline.size(finding, policy).unwrap_or_default();
    ContrastVerdict {
        baseline: compared.baseline.clone(),
        finding,
        estimate: headline.estimate,
        interval: headline.interval,
        lower_bound: headline.lower,
        upper_bound: headline.upper,
        says: broken.unwrap_or_else(|| says(finding, compared, &size, policy)),
        size,
    }
}

fn says(finding: Finding, compared: &Comparison, size: &str, policy: &Policy) -> String {
    let label = arm_words(&compared.baseline);
    if size.is_empty() {
        return format!("Against {label} there is no estimate.");
    }
    let candidate = achieved(&compared.candidate_rate, &compared.outcome);
    let baseline = achieved(&compared.baseline_rate, &compared.outcome);
    let rates = format!("{candidate} against {baseline}");
    let least = plain_points(policy.effect.least_gain);
    match finding {
        Finding::Gain => format!("It beat {label}: {rates} ({size})."),
        Finding::Harm => format!("It did worse than {label}: {rates} ({size})."),
        Finding::NoUsefulEffect => {
            format!("It gained nothing useful over {label}: {rates} ({size}; {least} would be).")
        }
        Finding::Unclear | Finding::TooManyBroken | Finding::NotTested | Finding::NotRun => {
            format!("Against {label} it is undecided: {rates} ({size}).")
        }
    }
}

/// The numbers a contrast is decided by.
struct Headline {
    estimate: Option<f64>,
    interval: Option<Bounds>,
    lower: Option<f64>,
    upper: Option<f64>,
    /// Two-sided; null where only an interval is known.
    p: Option<f64>,
}

impl Headline {
    /// Under the policy's rule for missing trials. Only the main estimate has an error of its own; under another
    /// rule the bounds are those of the 95 % interval, which is stricter than the policy asks.
    fn of(compared: &Comparison, policy: &Policy) -> Self {
        let main = &compared.difference;
        if policy.dream.missing == "exclude-task" {
            return Self {
                estimate: main.estimate,
                interval: main.interval,
                lower: bound(compared, -1.0, policy.error.promote),
                upper: bound(compared, 1.0, policy.error.harm),
                p: main.p,
            };
        }
        let under = compared.missingness.get(&policy.dream.missing);
        let under = under.and_then(Option::as_ref);
        let interval = under.and_then(|it| it.interval);
        Self {
            estimate: under.map(|it| it.estimate),
            interval,
            lower: interval.map(|it| it[0]),
            upper: interval.map(|it| it[1]),
            p: None,
        }
    }

    fn finding(&self, policy: &Policy) -> Finding {
        let (Some(estimate), Some(lower), Some(upper)) = (self.estimate, self.lower, self.upper)
        else {
            return Finding::Unclear;
        };
        let one_sided = self.p.unwrap_or(0.0) / 2.0;
        let is_proven = 0.0 < lower && one_sided <= policy.error.promote;
        if is_proven && policy.effect.least_gain <= estimate {
            Finding::Gain
        } else if upper < 0.0 && one_sided <= policy.error.harm {
            Finding::Harm
        } else if upper < policy.effect.least_gain {
            Finding::NoUsefulEffect
        } else {
            Finding::Unclear
        }
    }

    fn size(&self, finding: Finding, policy: &Policy) -> Option<String> {
        let estimate = points(self.estimate?);
        let sure = |error: f64| percent(1.0 - error);
        Some(match (finding, self.lower, self.upper, self.interval) {
            (Finding::Gain, Some(lower), _, _) => {
                let sure = sure(policy.error.promote);
                format!("{estimate}, {sure} sure of at least {}", signed(lower))
            }
            (Finding::Harm, _, Some(upper), _) => {
                let sure = sure(policy.error.harm);
                format!(
                    "{estimate}, {sure} sure of a loss of at least {}",
                    plain_points(upper)
                )
            }
            (Finding::NoUsefulEffect, _, Some(upper), _) => {
                let sure = sure(policy.error.harm);
                format!("{estimate}, {sure} sure of at most {}", signed(upper))
            }
            (_, _, _, Some(interval)) => format!("{estimate}, 95 % interval {}", range(interval)),
            (_, _, _, None) => estimate,
        })
    }
}

/// One-sided bound of the difference at error rate `error`: `side` standard errors times Student's quantile away;
/// the end of the 95 % interval where no standard error stands behind it.
fn bound(compared: &Comparison, side: f64, error: f64) -> Option<f64> {
    let main = &compared.difference;
    let from_error = || {
        let quantile = student_upper_quantile(error, main.df?)?;
        Some(main.estimate? + side * quantile * main.se.filter(|it| 0.0 < *it)?)
    };
    let end = main
        .interval
        .map(|it| if side < 0.0 { it[0] } else { it[1] });
    match main.method.as_str() {
        "exact-fallback" => end,
        _ => from_error().or(end),
    }
}

fn too_many_broken(compared: &Comparison, evidence: &Evidence, policy: &Policy) -> Option<String> {
    let find = |name: &str| evidence.arms.iter().find(|arm| arm.arm == name);
    let arms = [find(&compared.candidate)?, find(&compared.baseline)?];
    let shares = arms.map(broken_share);
    let worst = usize::from(shares[0] < shares[1]);
    let apart = (shares[0] - shares[1]).abs();
    let arm = arms[worst];
    let broke = format!(
        "{} of {} trials broke under {} ({}",
        arm.broken,
        arm.broken + arm.rate.trials,
        arm_words(&arm.arm),
        percent(shares[worst])
    );
    if policy.broken.share < shares[worst] {
        let limit = percent(policy.broken.share);
        Some(format!("Too many broken: {broke}; the limit is {limit})."))
    } else if policy.broken.apart < apart {
        let limit = plain_points(policy.broken.apart);
        let apart = plain_points(apart);
        Some(format!(
            "Too many broken: {broke}), {apart} more than under the other arm; the limit is {limit}."
        ))
    } else {
        None
    }
}

/// Broken trials among all of an arm's, 0 to 1; 0 for an arm without trials.
pub fn broken_share(arm: &ArmSummary) -> f64 {
    let all = f64::from(arm.broken) + f64::from(arm.rate.trials);
    f64::from(arm.broken) / all.max(1.0)
}
