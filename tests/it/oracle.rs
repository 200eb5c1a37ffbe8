//! Every statistic against the oracle tables in `tests/oracle`, inputs with expected outputs from independent
//! packages.

mod labelled;
mod paired;

use std::collections::BTreeMap;

use dreameval::statistics::paired::deviating_share;
use dreameval::statistics::rates::{
    clopper_pearson_effective, effective_trials, independent_trials, wilson_effective,
};
use dreameval::statistics::{
    Clustering, Confidence, Differences, FlipMethod, FoldoverPair, Interval, LearningEffect,
    StandardError, benjamini_hochberg, clopper_pearson, clustered_mean, contrasts, holm, mcnemar,
    pass_all_k, pass_at_k, regress, sign_flip, sign_test, wilson,
};
use serde_json::Value;

/// One oracle table, and a count of the numbers compared with it.
struct Table {
    cases: Vec<Value>,
    tolerance: Value,
    compared: usize,
}

impl Table {
    fn read(topic: &str) -> Table {
        let path = format!("{}/tests/oracle/{topic}.json", env!("CARGO_MANIFEST_DIR"));
        let text =
            std::fs::read_to_string(&path).expect("the oracle table is part of the repository");
        let table: Value = serde_json::from_str(&text).expect("the oracle table is JSON");
        Table {
            cases: table["cases"].as_array().expect("a list of cases").clone(),
            tolerance: table["tolerance"].clone(),
            compared: 0,
        }
    }

    /// The cases whose id starts with `prefix`.
    fn cases(&self, prefix: &str) -> Vec<Value> {
        self.cases
            .iter()
            .filter(|case| text(&case["id"]).starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Compares one number with `expected[key]` of `case`; `null` there means `None` here. A missing key is
    /// no comparison.
    fn check(&mut self, case: &Value, key: &str, got: Option<f64>) {
        let Some(want) = case["expected"].get(key) else {
            return;
        };
        self.compare(case, key, want, got);
    }

    fn check_interval(&mut self, case: &Value, key: &str, got: Option<Interval>) {
        let Some(want) = case["expected"].get(key) else {
            return;
        };
        self.compare_interval(case, key, want, got);
    }

    /// The tables give an interval of zero width where nothing varies; the library gives none.
    fn compare_interval(&mut self, case: &Value, key: &str, want: &Value, got: Option<Interval>) {
        let has_width = want.is_array() && want[0] != want[1];
        let bound = |index: usize| {
            if has_width {
                &want[index]
            } else {
                &Value::Null
            }
        };
        self.compare(case, key, bound(0), got.map(|interval| interval.low));
        self.compare(case, key, bound(1), got.map(|interval| interval.high));
    }

    fn compare(&mut self, case: &Value, key: &str, want: &Value, got: Option<f64>) {
        let tolerance = case.get("tolerance").unwrap_or(&self.tolerance);
        let (absolute, relative) = (number(&tolerance["abs"]), number(&tolerance["rel"]));
        let agrees = match (want.as_f64(), got) {
            (Some(want), Some(got)) => (got - want).abs() <= absolute + relative * want.abs(),
            (None, None) => want.is_null(),
            (Some(_), None) | (None, Some(_)) => false,
        };
        assert!(
            agrees,
            "{} of case {}: want {want}, got {got:?}",
            key, case["id"]
        );
        self.compared += 1;
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list<T>(value: &Value, item: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().expect("a list").iter().map(item).collect()
}

/// Numbers for text labels, the same for equal labels.
fn labels(value: &Value) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    let number_of = |label: String| {
        let next = numbers.len();
        *numbers.entry(label).or_insert(next)
    };
    list(value, |label| text(label).to_owned())
        .into_iter()
        .map(number_of)
        .collect()
}

fn confidence(case: &Value) -> Confidence {
    Confidence::new(number(&case["input"]["level"])).expect("a level between 0 and 1")
}

#[test]
fn rates_of_independent_trials_agree_with_table_01() {
    let mut table = Table::read("01_proportion_ci");
    for case in table
        .cases("prop-")
        .iter()
        .filter(|case| case["input"].get("successes").is_some())
    {
        let (completed, trials) = (
            count(&case["input"]["successes"]),
            count(&case["input"]["trials"]),
        );
        table.check_interval(
            case,
            "wilson",
            Some(wilson(completed, trials, confidence(case))),
        );
        table.check_interval(
            case,
            "clopper_pearson",
            Some(clopper_pearson(completed, trials, confidence(case))),
        );
        let share = deviating_share(trials as usize, confidence(case));
        table.check(
            case,
            "one_sided_exact_bound",
            Some(if completed == 0 { share } else { 1.0 - share }),
        );
    }
    assert_eq!(table.compared, 80);
}

#[test]
fn rates_of_clustered_trials_agree_with_table_01() {
    let mut table = Table::read("01_proportion_ci");
    for case in &table.cases("prop-eff-") {
        let input = &case["input"];
        let rate = number(&input["estimate"]);
        let error = StandardError {
            value: number(&input["se"]),
            degrees_of_freedom: number(&input["df"]),
        };
        let effective = effective_trials(rate, error, count(&input["trials"]), confidence(case));
        table.check(case, "n_eff", independent_trials(rate, error.value));
        table.check(case, "n_eff_df", effective);
        let interval =
            effective.and_then(|trials| wilson_effective(rate, trials, confidence(case)));
        table.check_interval(case, "wilson_eff", interval);
        let interval =
            effective.and_then(|trials| clopper_pearson_effective(rate, trials, confidence(case)));
        table.check_interval(case, "korn_graubard", interval);
    }
    assert_eq!(table.compared, 30);
}

#[test]
fn mcnemar_agrees_with_table_03() {
    let mut table = Table::read("03_paired_binary");
    for case in &table.cases("pair-") {
        let (candidate_only, baseline_only) = (
            count(&case["input"]["treatment_only"]),
            count(&case["input"]["control_only"]),
        );
        let test = mcnemar(candidate_only, baseline_only);
        table.check(case, "mcnemar_exact_two_sided", Some(test.two_sided));
        table.check(case, "mcnemar_exact_greater", Some(test.greater));
        table.check(case, "mcnemar_midp_two_sided", Some(test.mid_p));
    }
    assert_eq!(table.compared, 42);
}

#[test]
fn sign_tests_agree_with_table_04() {
    let mut table = Table::read("04_sign_permutation");
    for case in &table.cases("perm-") {
        let denominator = count(&case["input"]["common_denominator"]);
        let numerators = list(&case["input"]["differences"], |value| {
            (number(value) * denominator as f64).round() as i64
        });
        let tasks = Differences::of_fractions(&numerators, denominator as u32)
            .expect("a denominator above 0");
        let directions = tasks.directions();
        let test = sign_test(directions.improved as u64, directions.regressed as u64);
        let units = match case["input"].get("families") {
            Some(families) => tasks
                .totals(&Clustering::by(&labels(families)))
                .expect("one family per task"),
            None => tasks,
        };
        let flip = sign_flip(&units, 0);
        assert_eq!(flip.method, FlipMethod::Exact);
        table.check(case, "p_greater", Some(flip.greater));
        table.check(case, "p_less", Some(flip.less));
        table.check(case, "p_two_sided", Some(flip.two_sided));
        table.check(case, "flips", Some((flip.units as f64).exp2()));
        table.check(case, "positives", Some(directions.improved as f64));
        table.check(case, "negatives", Some(directions.regressed as f64));
        table.check(case, "ties", Some(directions.tied as f64));
        table.check(case, "sign_test_two_sided", Some(test.two_sided));
        table.check(case, "sign_test_greater", Some(test.greater));
    }
    assert_eq!(table.compared, 104);
}

#[test]
fn passes_agree_with_table_07() {
    let mut table = Table::read("07_pass_k");
    let whole = |value: &Value| count(value) as u32;
    for case in &table.cases("passk-") {
        let (trials, completed, k) = (
            whole(&case["input"]["n"]),
            whole(&case["input"]["c"]),
            whole(&case["input"]["k"]),
        );
        table.check(case, "pass_at_k", pass_at_k(completed, trials, k));
        table.check(case, "pass_hat_k", pass_all_k(completed, trials, k));
    }
    for case in &table.cases("suite-") {
        let (trials, completed, k) = (
            list(&case["input"]["n"], whole),
            list(&case["input"]["c"], whole),
            whole(&case["input"]["k"]),
        );
        let mean = |pass: fn(u32, u32, u32) -> Option<f64>| {
            let values: Vec<f64> = completed
                .iter()
                .zip(&trials)
                .filter_map(|(completed, trials)| pass(*completed, *trials, k))
                .collect();
            clustered_mean(&values, &labels(&case["input"]["families"]))
                .expect("every task has k trials")
        };
        let (any, all) = (mean(pass_at_k), mean(pass_all_k));
        table.check(case, "pass_at_k", Some(any.estimate));
        table.check(
            case,
            "se_pass_at_k_cr2",
            any.family_errors.map(|errors| errors.cr2.value),
        );
        table.check(
            case,
            "df_pass_at_k",
            any.family_errors
                .map(|errors| errors.cr2.degrees_of_freedom),
        );
        table.check(case, "pass_hat_k", Some(all.estimate));
        table.check(
            case,
            "se_pass_hat_k_cr2",
            all.family_errors.map(|errors| errors.cr2.value),
        );
    }
    assert_eq!(table.compared, 71);
}

#[test]
fn foldover_regressions_agree_with_table_14() {
    let mut table = Table::read("14_attribution");
    for case in &table.cases("foldover-") {
        let (input, expected) = (&case["input"], &case["expected"]);
        let signs = list(&input["signs"], |row| list(row, |sign| number(sign) as i8));
        let (tasks, differences) = (labels(&input["task"]), list(&input["difference"], number));
        let pair = |row: usize| FoldoverPair {
            task: tasks[row],
            signs: &signs[row],
            difference: differences[row],
        };
        let pairs: Vec<FoldoverPair<'_>> = (0..signs.len()).map(pair).collect();
        let learnings = signs[0].len();
        let contrasts = contrasts(&pairs, learnings).expect("valid pairs");
        let fit = regress(&pairs, learnings).expect("valid pairs");
        for learning in 0..learnings {
            let LearningEffect::Estimated(effect) = &fit.effects[learning] else {
                panic!("learning {learning} is not collinear")
            };
            let contrast = contrasts[learning].expect("every learning takes part");
            let mut compare = |key: &str, got: Option<f64>| {
                table.compare(case, key, &expected[key][learning], got)
            };
            compare("contrast_mean", Some(contrast.mean));
            compare("contrast_n", Some(contrast.pairs as f64));
            compare("ols", Some(effect.estimate));
            compare("se_hc2", effect.pair_error.map(|error| error.value));
            compare(
                "se_cluster_task_cr1",
                effect.task_error.map(|error| error.value),
            );
        }
    }
    assert_eq!(table.compared, 145);
}

#[test]
fn adjusted_p_values_agree_with_table_15() {
    let mut table = Table::read("15_multiplicity");
    for case in &table.cases("p-") {
        let p_values = list(&case["input"]["p"], number);
        let alpha = number(&case["input"]["alpha"]);
        for (method, adjust) in [
            ("holm", holm as fn(&[f64]) -> Option<Vec<f64>>),
            ("bh", benjamini_hochberg),
        ] {
            let adjusted = adjust(&p_values).expect("p-values from 0 to 1");
            let key = format!("{method}_adjusted");
            for (index, value) in adjusted.iter().enumerate() {
                table.compare(case, &key, &case["expected"][&key][index], Some(*value));
            }
            let rejected: Vec<u64> = (0..)
                .zip(&adjusted)
                .filter(|(_, value)| **value <= alpha)
                .map(|(index, _)| index)
                .collect();
            assert_eq!(
                rejected,
                list(&case["expected"][format!("{method}_reject")], count),
                "{method} of case {}",
                case["id"]
            );
        }
    }
    assert_eq!(table.compared, 326);
}
