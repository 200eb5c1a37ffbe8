//! The verdict on one learning: a list of rules, of which the first that applies decides.
//!
//! A learning earns promotion when its gain is proven (one-sided p and the adjusted p within the policy, lower
//! bound above 0), its best estimate reaches the least gain, no role is harmed, and no rule before objects. What
//! is proven to gain less than the least gain is rejected even where that little is proven, since reading it
//! costs words. Demotion needs harm proven twice: on new tasks like these (upper bound below 0), and on these very
//! tasks with all learnings tested together (adjusted p). Harm proven in one role alone holds it.

use crate::{
    analysis::evidence::{Evidence, LearningEvidence},
    error::count,
    promotion::{
        canary, doubt,
        figures::{chance, names, percent, plain_points, points, signed},
        objected,
        policy::Policy,
        ruling::{Ruling, delivery, effect_words, held, rejected},
        verdict::{Cause, LearningVerdict, Objection, Verdict},
    },
};

/// How many tasks a reason names.
const NAMED: usize = 3;

/// Decides on one learning; `broken` says why its trials cannot be trusted, where that is so.
pub fn decide(
    learning: &LearningEvidence,
    policy: &Policy,
    objections: &[Objection],
    broken: Option<&str>,
) -> LearningVerdict {
    let mut ruling = objected::screened(learning, objections)
        .or_else(|| canary::trips(learning))
        .or_else(|| breaches(learning, policy))
        .or_else(|| broken.map(|why| held(Cause::TooManyBroken, why.to_owned())))
        .or_else(|| doubt::unmeasured(learning, policy))
        .or_else(|| harms(learning, policy))
        .or_else(|| harms_a_role(learning))
        .or_else(|| gains(learning, policy).map(|it| objected::reviewed(it, learning, objections)))
        .or_else(|| doubt::undelivered(learning, policy))
        .or_else(|| useless(learning, policy))
        .or_else(|| doubt::unfollowed(learning, policy))
        .unwrap_or_else(|| doubt::unclear(learning, policy));
    ruling.reasons.extend(canary::told(learning));
    LearningVerdict {
        id: learning.id.clone(),
        name: learning.name.clone(),
        verdict: ruling.verdict,
        cause: ruling.cause,
        reasons: ruling.reasons,
        effect: learning.effect,
        interval: learning.interval,
        lower_bound: learning.lower_bound,
        p_adjusted: learning.p_adjusted,
        pairs: learning.pairs,
        helped_tasks: learning.helped_tasks.clone(),
        harmed_tasks: learning.harmed_tasks.clone(),
    }
}

/// Why no foldover pair can be trusted, where more of them broke than the policy allows.
pub fn broken_foldover(evidence: &Evidence, policy: &Policy) -> Option<String> {
    let all = evidence.pairs + evidence.broken_pairs;
    let share = f64::from(evidence.broken_pairs) / f64::from(all.max(1));
    (policy.broken.share < share).then(|| {
        format!(
            "too many broken: {} of {} broke ({}; the limit is {})",
            evidence.broken_pairs,
            count(all as usize, "attribution pair"),
            percent(share),
            percent(policy.broken.share)
        )
    })
}

fn breaches(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let (more, p) = (learning.violations_effect?, learning.violations_p_adjusted?);
    (0.0 < more && p <= policy.error.harm).then(|| {
        let why = format!(
            "raises violations by {:.2} a trial over {} (adjusted p {}), whatever it gains",
            more,
            count(learning.pairs as usize, "pair"),
            chance(p)
        );
        let mut reasons = vec![why];
        reasons.extend(learning.effect.map(|effect| effect_words(learning, effect)));
        rejected(Cause::Violation, reasons)
    })
}

fn harms(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let (effect, bound) = (learning.effect?, learning.upper_bound?);
    let adjusted = learning.p_harm_adjusted?;
    (bound < 0.0 && adjusted <= policy.error.harm).then(|| {
        let mut reasons = vec![
            format!(
                "{}, 95 % upper bound {}",
                effect_words(learning, effect),
                signed(bound)
            ),
            format!(
                "harm on these tasks stands with all learnings tested together (adjusted p {}, limit {})",
                chance(adjusted),
                chance(policy.error.harm)
            ),
        ];
        if !learning.harmed_tasks.is_empty() {
            reasons.push(format!(
                "did worse with it: {}",
                names(&learning.harmed_tasks, NAMED)
            ));
        }
        Ruling {
            verdict: Verdict::Demote,
            cause: Some(Cause::Harm),
            reasons,
        }
    })
}

fn harms_a_role(learning: &LearningEvidence) -> Option<Ruling> {
    let worst = learning
        .by_role
        .iter()
        .filter_map(|role| {
            role.upper_bound
                .filter(|it| *it < 0.0)
                .map(|bound| (bound, role))
        })
        .min_by(|one, other| one.0.total_cmp(&other.0));
    let (bound, role) = worst?;
    let mut ruling = held(
        Cause::HarmsARole,
        format!(
            "harms at {}: {} there ({}, 95 % upper bound {}); narrow it to the roles it helps",
            role.role,
            points(role.effect),
            count(role.pairs as usize, "pair"),
            signed(bound)
        ),
    );
    ruling
        .reasons
        .extend(learning.effect.map(|effect| effect_words(learning, effect)));
    Some(ruling)
}

fn gains(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let (effect, bound) = (learning.effect?, learning.lower_bound?);
    let adjusted = learning.p_adjusted?;
    let proven = learning.p? <= policy.error.promote
        && adjusted <= policy.error.false_discovery
        && 0.0 < bound;
    (proven && policy.effect.least_gain <= effect).then(|| {
        let mut reasons = vec![
            format!(
                "{}, 95 % lower bound {}",
                effect_words(learning, effect),
                signed(bound)
            ),
            format!(
                "stands with all learnings tested together (adjusted p {}, limit {})",
                chance(adjusted),
                chance(policy.error.false_discovery)
            ),
        ];
        reasons.extend(delivery(learning));
        Ruling {
            verdict: Verdict::Promote,
            cause: None,
            reasons,
        }
    })
}

fn useless(learning: &LearningEvidence, policy: &Policy) -> Option<Ruling> {
    let (effect, bound) = (learning.effect?, learning.upper_bound?);
    let least = policy.effect.least_gain;
    (bound < least).then(|| {
        let mut reasons = vec![format!(
            "{}, 95 % upper bound {}: below the {} that would be worth its {}",
            effect_words(learning, effect),
            signed(bound),
            plain_points(least),
            count(learning.words as usize, "word")
        )];
        reasons.extend(delivery(learning));
        rejected(Cause::NoUsefulEffect, reasons)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::evidence::RoleEffect;
    use crate::promotion::screen::Severity;

    /// A learning with a proven gain of 12 points on 34 tasks.
    fn good() -> LearningEvidence {
        LearningEvidence {
            id: "p-1".into(),
            name: "Save as docx".into(),
            kind: "playbook".into(),
            verdict: String::new(),
            reasons: vec![],
            effect: Some(0.12),
            se: Some(0.03),
            interval: Some([0.06, 0.18]),
            lower_bound: Some(0.07),
            upper_bound: Some(0.17),
            p: Some(0.000_3),
            p_harm: Some(0.999_7),
            p_adjusted: Some(0.004),
            p_harm_adjusted: Some(1.0),
            pairs: 400,
            tasks: 34,
            by_role: vec![],
            violations_effect: Some(0.0),
            violations_p: Some(0.5),
            violations_p_adjusted: Some(0.5),
            surfaced_rate: Some(0.98),
            followed_rate: Some(0.83),
            helped_tasks: vec!["a-1".into()],
            harmed_tasks: vec![],
            words: 21,
            text: String::new(),
            source: String::new(),
            roles: vec![],
            findings: vec![],
            canary: None,
        }
    }

    /// The same learning with nothing to show: 1 point, −3 to +5.5.
    fn dull() -> LearningEvidence {
        LearningEvidence {
            effect: Some(0.01),
            interval: Some([-0.03, 0.055]),
            lower_bound: Some(-0.025),
            upper_bound: Some(0.051),
            p: Some(0.3),
            p_adjusted: Some(0.5),
            ..good()
        }
    }

    fn ruled(learning: &LearningEvidence) -> (Verdict, Option<Cause>, String) {
        let verdict = decide(learning, &Policy::default(), &[], None);
        (verdict.verdict, verdict.cause, verdict.reasons[0].clone())
    }

    #[test]
    fn broken_pairs_are_told_from_a_few_that_broke() {
        let evidence = |broken_pairs| Evidence {
            pairs: 950,
            broken_pairs,
            ..Evidence::default()
        };
        let of = |broken_pairs| broken_foldover(&evidence(broken_pairs), &Policy::default());
        assert_eq!(of(50), None);
        let why = "too many broken: 60 of 1010 attribution pairs broke (5.9 %; the limit is 5 %)";
        assert_eq!(of(60), Some(why.to_owned()));
    }

    #[test]
    fn a_proven_gain_is_promoted_and_cites_its_lower_bound() {
        let why = "effect +12 points on 34 eligible tasks (400 pairs), 95 % lower bound +7";
        assert_eq!(ruled(&good()), (Verdict::Promote, None, why.into()));
    }

    #[test]
    fn holds_when_both_nothing_and_a_useful_gain_are_possible() {
        let why = "effect +1 point on 34 eligible tasks (400 pairs), 95 % interval −3 to +5.5: both no effect and \
                   a gain of 5 points are possible";
        assert_eq!(
            ruled(&dull()),
            (Verdict::Hold, Some(Cause::Underpowered), why.into())
        );
    }

    #[test]
    fn rejects_what_surely_gains_less_than_its_words_are_worth() {
        let learning = LearningEvidence {
            upper_bound: Some(0.041),
            ..dull()
        };
        let why = "effect +1 point on 34 eligible tasks (400 pairs), 95 % upper bound +4.1: below the 5 points that \
                   would be worth its 21 words";
        assert_eq!(
            ruled(&learning),
            (Verdict::Reject, Some(Cause::NoUsefulEffect), why.into())
        );
    }

    #[test]
    fn a_small_gain_is_held_even_where_it_is_proven() {
        let learning = LearningEvidence {
            effect: Some(0.04),
            lower_bound: Some(0.02),
            upper_bound: Some(0.06),
            ..good()
        };
        let why = "effect +4 points on 34 eligible tasks (400 pairs): a gain, but its best estimate is below the 5 \
                   points worth its words";
        assert_eq!(
            ruled(&learning),
            (Verdict::Hold, Some(Cause::SmallSoFar), why.into())
        );
    }

    #[test]
    fn harm_needs_both_proofs() {
        let learning = |upper_bound, p_harm_adjusted| LearningEvidence {
            effect: Some(-0.1),
            interval: Some([-0.2, 0.0]),
            lower_bound: Some(-0.19),
            upper_bound: Some(upper_bound),
            p: Some(0.9),
            p_adjusted: Some(0.9),
            p_harm_adjusted: Some(p_harm_adjusted),
            ..good()
        };
        let of = |upper_bound, adjusted| ruled(&learning(upper_bound, adjusted)).0;
        assert_eq!(of(-0.01, 0.04), Verdict::Demote);
        assert_ne!(of(-0.01, 0.06), Verdict::Demote);
        assert_ne!(of(0.01, 0.04), Verdict::Demote);
    }

    #[test]
    fn a_gain_that_only_stands_alone_is_held() {
        let learning = LearningEvidence {
            p: Some(0.03),
            p_adjusted: Some(0.09),
            ..good()
        };
        let why = "effect +12 points on 34 eligible tasks (400 pairs): a gain on its own, but not with all learnings \
                   tested together (adjusted p 0.09, limit 0.05)";
        assert_eq!(
            ruled(&learning),
            (Verdict::Hold, Some(Cause::Underpowered), why.into())
        );
    }

    #[test]
    fn proven_harm_is_demoted() {
        let learning = LearningEvidence {
            effect: Some(-0.2),
            upper_bound: Some(-0.14),
            p_harm_adjusted: Some(0.001),
            ..good()
        };
        let why = "effect −20 points on 34 eligible tasks (400 pairs), 95 % upper bound −14";
        assert_eq!(
            ruled(&learning),
            (Verdict::Demote, Some(Cause::Harm), why.into())
        );
    }

    #[test]
    fn a_gain_that_harms_one_role_is_never_promoted() {
        let learning = LearningEvidence {
            by_role: vec![
                role("kyc-screening", 0.3, 0.4),
                role("client-briefing", -0.15, -0.06),
            ],
            ..good()
        };
        let why = "harms at client-briefing: −15 points there (90 pairs, 95 % upper bound −6); narrow it to the \
                   roles it helps";
        assert_eq!(
            ruled(&learning),
            (Verdict::Hold, Some(Cause::HarmsARole), why.into())
        );
    }

    fn role(role: &str, effect: f64, upper: f64) -> RoleEffect {
        RoleEffect {
            role: role.into(),
            pairs: 90,
            effect,
            se: Some(0.05),
            upper_bound: Some(upper),
        }
    }

    #[test]
    fn more_violations_reject_whatever_it_gains() {
        let learning = LearningEvidence {
            violations_effect: Some(0.4),
            violations_p: Some(0.000_01),
            violations_p_adjusted: Some(0.000_01),
            ..good()
        };
        let why = "raises violations by 0.40 a trial over 400 pairs (adjusted p below 0.0001), whatever it gains";
        assert_eq!(
            ruled(&learning),
            (Verdict::Reject, Some(Cause::Violation), why.into())
        );
    }

    fn objection(severity: Severity) -> Objection {
        Objection {
            learning: "p-1".into(),
            finding: "leak".into(),
            says: "line 2 holds the answer of task `fx-9`".into(),
            severity,
        }
    }

    fn objected(learning: &LearningEvidence, severity: Severity) -> LearningVerdict {
        decide(learning, &Policy::default(), &[objection(severity)], None)
    }

    #[test]
    fn a_hard_finding_rejects_and_a_note_stops_nothing() {
        assert_eq!(objected(&good(), Severity::Note).verdict, Verdict::Promote);
        let verdict = objected(&good(), Severity::Hard);
        assert_eq!(
            (verdict.verdict, verdict.cause, verdict.reasons),
            (
                Verdict::Reject,
                Some(Cause::Leak),
                vec!["leak: line 2 holds the answer of task `fx-9`".into()]
            )
        );
    }

    #[test]
    fn a_finding_for_review_holds_a_promotion_and_changes_nothing_else() {
        let verdict = objected(&good(), Severity::Review);
        assert_eq!(
            (verdict.verdict, verdict.cause),
            (Verdict::Hold, Some(Cause::NeedsReview))
        );
        assert_eq!(
            verdict.reasons[..2],
            [
                "leak: line 2 holds the answer of task `fx-9`",
                "effect +12 points on 34 eligible tasks (400 pairs), 95 % lower bound +7"
            ]
        );
        let useless = LearningEvidence {
            upper_bound: Some(0.041),
            ..dull()
        };
        let verdict = objected(&useless, Severity::Review);
        assert_eq!(verdict.cause, Some(Cause::NoUsefulEffect));
    }

    #[test]
    fn what_was_never_shown_is_held_and_not_rejected() {
        let learning = LearningEvidence {
            surfaced_rate: Some(0.0),
            upper_bound: Some(0.02),
            ..dull()
        };
        let why = "not delivered: shown in 0 % of the 400 trials that had it; nothing is known of its use";
        assert_eq!(
            ruled(&learning),
            (Verdict::Hold, Some(Cause::NotDelivered), why.into())
        );
    }

    #[test]
    fn what_was_shown_and_never_followed_is_held_as_such() {
        let learning = LearningEvidence {
            followed_rate: Some(0.0),
            ..dull()
        };
        let why = "not followed: an action followed it in 0 % of the 392 trials that showed it";
        assert_eq!(
            ruled(&learning),
            (Verdict::Hold, Some(Cause::NotFollowed), why.into())
        );
    }

    #[test]
    fn too_little_is_said_with_what_the_policy_asks() {
        let few = LearningEvidence {
            pairs: 12,
            tasks: 1,
            ..good()
        };
        let why =
            "too few pairs: eligible in 12 pairs at 1 task; the policy asks for 20 at 3 tasks";
        assert_eq!(
            ruled(&few),
            (Verdict::Hold, Some(Cause::TooFewPairs), why.into())
        );
        let none = LearningEvidence { pairs: 0, ..good() };
        let why = "never eligible: no task met its role and condition";
        assert_eq!(
            ruled(&none),
            (Verdict::Hold, Some(Cause::NotEligible), why.into())
        );
    }

    #[test]
    fn without_an_error_nothing_is_decided() {
        let learning = LearningEvidence { p: None, ..good() };
        assert_eq!(ruled(&learning).1, Some(Cause::NotEstimated));
    }
}
