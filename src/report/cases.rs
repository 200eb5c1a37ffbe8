//! The cases CI sees: the dream, each learning, each criterion.

use crate::{
    error::count,
    promotion::{
        dream::DreamWord,
        figures::{arm_words, percent, plain_points},
        gate::{Gate, GateWord},
        verdict::Verdict,
    },
    report::{
        Inputs,
        inputs::Criterion,
        page::{Case, CaseStatus},
    },
};

/// Every case, in the order gate, dream, learnings, criteria.
///
/// Harm fails, whatever is not kept is skipped with its reason, and a criterion fails when the candidate met it
/// less often than the first baseline by more than the tolerated loss.
pub fn all(inputs: &Inputs<'_>) -> Vec<Case> {
    let mut cases: Vec<Case> = inputs.gate.map(gate).into_iter().collect();
    cases.push(dream(inputs));
    cases.extend(inputs.verdicts.learnings.iter().map(|it| Case {
        group: "learnings".to_owned(),
        name: format!("{} ({})", it.name, it.id),
        status: match it.verdict {
            Verdict::Promote => CaseStatus::Passed,
            Verdict::Hold | Verdict::Reject => CaseStatus::Skipped,
            Verdict::Demote => CaseStatus::Failed,
        },
        says: format!("{}: {}", it.verdict.word(), it.reasons.join("; ")),
    }));
    cases.extend(inputs.criteria.iter().map(|it| criterion(inputs, it)));
    cases
}

fn gate(gate: &Gate) -> Case {
    let all: Vec<&str> = std::iter::once(gate.says.as_str())
        .chain(gate.reasons.iter().map(String::as_str))
        .collect();
    Case {
        group: "gate".to_owned(),
        name: "the store may take the place of the one before".to_owned(),
        status: match gate.counts_as {
            GateWord::Pass => CaseStatus::Passed,
            GateWord::Inconclusive => CaseStatus::Skipped,
            GateWord::Fail => CaseStatus::Failed,
        },
        says: all.join("; "),
    }
}

fn dream(inputs: &Inputs<'_>) -> Case {
    let dream = &inputs.verdicts.dream;
    Case {
        group: "dream".to_owned(),
        name: format!("{} helps", dream.question.subject),
        status: match dream.verdict {
            DreamWord::Helps => CaseStatus::Passed,
            DreamWord::NoUsefulEffect | DreamWord::Undecided => CaseStatus::Skipped,
            DreamWord::Harms => CaseStatus::Failed,
        },
        says: dream.sentence.clone(),
    }
}

fn criterion(inputs: &Inputs<'_>, criterion: &Criterion) -> Case {
    let share =
        |(met, trials): (u32, u32)| (0 < trials).then(|| f64::from(met) / f64::from(trials));
    let tolerated = inputs.verdicts.policy.effect.tolerated_loss;
    let (status, end) = match (share(criterion.baseline), share(criterion.candidate)) {
        (Some(was), Some(is)) if is < was - tolerated => (
            CaseStatus::Failed,
            format!("; a loss of more than {}", plain_points(tolerated)),
        ),
        (_, Some(_)) => (CaseStatus::Passed, String::new()),
        (_, None) => (CaseStatus::Skipped, String::new()),
    };
    let side = |arm: &str, counts: (u32, u32)| {
        let rate = share(counts).map_or_else(|| "not graded".to_owned(), percent);
        let attempts = count(counts.1 as usize, "attempt");
        format!(
            "{} of {attempts} with {} ({rate})",
            counts.0,
            arm_words(arm)
        )
    };
    let candidate = &inputs.verdicts.dream.question.candidate;
    let mut says = format!("met in {}", side(candidate, criterion.candidate));
    if let Some(baseline) = inputs.first_baseline() {
        says += &format!(", in {}", side(baseline, criterion.baseline));
    }
    Case {
        group: "criteria".to_owned(),
        name: criterion.name.clone(),
        status,
        says: says + &end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_criterion_met_less_often_by_more_than_is_tolerated_fails() {
        let cases = all(&fixture::helpful().inputs());
        let criteria: Vec<(CaseStatus, &str)> = cases
            .iter()
            .filter(|it| it.group == "criteria")
            .map(|it| (it.status, it.says.as_str()))
            .collect();
        assert_eq!(
            criteria,
            [
                (
                    CaseStatus::Passed,
                    "met in 164 of 201 attempts with dreamed memory (82 %), in 71 of 201 attempts with no memory (35 %)"
                ),
                (
                    CaseStatus::Passed,
                    "met in 158 of 201 attempts with dreamed memory (79 %), in 66 of 201 attempts with no memory (33 %)"
                ),
                (
                    CaseStatus::Failed,
                    "met in 181 of 201 attempts with dreamed memory (90 %), in 196 of 201 attempts with no memory \
                     (98 %); a loss of more than 3 points"
                )
            ]
        );
    }

    #[test]
    fn promoted_passes_demoted_fails_and_the_rest_is_skipped() {
        let cases = all(&fixture::helpful().inputs());
        let number = |status| {
            cases
                .iter()
                .filter(|it| it.group == "learnings" && it.status == status)
                .count()
        };
        let numbers = [CaseStatus::Passed, CaseStatus::Skipped, CaseStatus::Failed].map(number);
        assert_eq!(numbers, [7, 10, 1]);
    }
}
