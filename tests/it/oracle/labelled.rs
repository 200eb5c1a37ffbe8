//! Judges against human labels: agreement and corrected rates and differences against the oracle tables.

use dreameval::statistics::{
    LabelCounts, corrected_difference, corrected_difference_by_arm, corrected_rate,
    prediction_powered,
};
use serde_json::Value;

use crate::oracle::{Table, confidence, count, list, number};

fn counts(input: &Value) -> LabelCounts {
    LabelCounts {
        true_positive: count(&input["true_positive"]),
        labelled_positive: count(&input["labelled_positive"]),
        true_negative: count(&input["true_negative"]),
        labelled_negative: count(&input["labelled_negative"]),
    }
}

#[test]
fn rates_without_the_judges_errors_agree_with_table_17() {
    let mut table = Table::read("17_judge");
    for case in &table.cases("rg-") {
        let input = &case["input"];
        let (positive, judged) = (number(&input["judge_positive"]), number(&input["judged"]));
        let found =
            corrected_rate(positive / judged, judged, &counts(input), confidence(case)).unwrap();
        table.check(case, "point", Some(found.estimate));
        table.check(case, "se_delta", Some(found.standard_error));
        table.check_interval(case, "lang_reiczigel", found.interval);
    }
    for case in &table.cases("diff-") {
        let input = &case["input"];
        let (difference, error) = (number(&input["judge_difference"]), number(&input["se"]));
        let found =
            corrected_difference(difference, error, &counts(input), confidence(case)).unwrap();
        table.check(case, "youden", counts(input).youden());
        table.check(case, "difference", Some(found.estimate));
        table.check(case, "se_delta", Some(found.standard_error));
        table.check_interval(case, "ci", found.interval);
    }
    for case in &table.cases("ppi-") {
        let input = &case["input"];
        let (people, judge) = (
            list(&input["labelled"], number),
            list(&input["judge_on_labelled"], number),
        );
        let labelled: Vec<(f64, f64)> = people.into_iter().zip(judge).collect();
        let unlabelled = list(&input["judge_on_unlabelled"], number);
        let found = prediction_powered(&labelled, &unlabelled, confidence(case)).unwrap();
        let want = &case["expected"]["ppi_tuned"];
        table.compare(case, "estimate", &want["estimate"], Some(found.estimate));
        table.compare(case, "se", &want["se"], Some(found.standard_error));
        table.compare_interval(case, "ci", &want["ci"], found.interval);
    }
    assert_eq!(table.compared, 6 * 4 + 4 * 5 + 5 * 4);
}

#[test]
fn agreement_and_differences_corrected_by_arm_agree_with_table_21() {
    let mut table = Table::read("21_judge_labels");
    for case in &table.cases("kappa-") {
        let counts = counts(&case["input"]);
        let (kappa, interval) = counts.kappa(confidence(case)).unwrap();
        table.check(case, "agreement", counts.agreement());
        table.check(case, "kappa", Some(kappa));
        table.check_interval(case, "kappa_ci", interval);
    }
    for case in &table.cases("by-arm-") {
        let input = &case["input"];
        let found = corrected_difference_by_arm(
            [
                number(&input["candidate_rate"]),
                number(&input["baseline_rate"]),
            ],
            number(&input["se"]),
            [&counts(&input["candidate"]), &counts(&input["baseline"])],
            confidence(case),
        )
        .unwrap();
        table.check(case, "difference", Some(found.estimate));
        table.check(case, "se_delta", Some(found.standard_error));
        table.check_interval(case, "ci", found.interval);
    }
    assert_eq!(table.compared, 6 * 4 + 5 * 4);
}
