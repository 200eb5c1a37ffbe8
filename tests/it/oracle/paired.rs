//! Paired differences, ratios, families and one-sided bounds against the oracle tables.

use dreameval::statistics::paired::deviating_share;
use dreameval::statistics::{
    Cell, Confidence, Method, PairedDifference, PairedTask, equal_family_weight, exact_fallback,
    family_table, paired_difference, rate_ratio,
};
use serde_json::Value;

use crate::oracle::{Table, confidence, labels, list, number, text};

/// The tasks of a long table of trials that have both arms, in order of first appearance, and the names of
/// their families.
fn paired_tasks(input: &Value) -> (Vec<PairedTask>, Vec<String>) {
    let families = labels(&input["family"]);
    let names = list(&input["family"], |name| text(name).to_owned());
    let (arms, scores) = (
        list(&input["arm"], |arm| text(arm) == "treatment"),
        list(&input["score"], number),
    );
    let rows: Vec<(usize, usize)> = labels(&input["task"]).into_iter().enumerate().collect();
    let count = rows.iter().map(|(_, task)| task + 1).max().unwrap_or(0);
    let cell = |task: usize, is_candidate: bool| {
        let own = rows
            .iter()
            .filter(|(row, of)| *of == task && arms[*row] == is_candidate);
        Cell::of_scores(&own.map(|(row, _)| scores[*row]).collect::<Vec<f64>>())
    };
    let pair = |task: usize| {
        let (row, _) = rows.iter().find(|(_, of)| *of == task)?;
        let (baseline, candidate) = (cell(task, false)?, cell(task, true)?);
        Some((
            PairedTask {
                baseline,
                candidate,
                family: families[*row],
            },
            names[*row].clone(),
        ))
    };
    (0..count).filter_map(pair).unzip()
}

#[test]
fn paired_differences_agree_with_table_05() {
    let mut table = Table::read("05_paired_clustered");
    for case in &table.cases("") {
        let (tasks, names) = paired_tasks(&case["input"]);
        let level = confidence(case);
        table.check(case, "tasks_included", Some(tasks.len() as f64));
        let paired = paired_difference(&tasks, level);
        table.check(
            case,
            "estimate",
            paired.as_ref().map(|paired| paired.estimate),
        );
        let Some(paired) = paired else { continue };
        check_errors(&mut table, case, &paired, level);
        check_headline(&mut table, case, &paired, level);
        check_families(&mut table, case, &tasks, &names);
        check_ratio(&mut table, case, &tasks, level);
    }
    assert_eq!(table.compared, 664);
}

fn check_errors(table: &mut Table, case: &Value, paired: &PairedDifference, level: Confidence) {
    let (errors, by_task) = (paired.family_errors, paired.task_error);
    table.check(case, "mean_treatment", Some(paired.candidate_mean));
    table.check(case, "mean_control", Some(paired.baseline_mean));
    table.check(case, "clusters", Some(paired.families as f64));
    table.check(case, "se_task", by_task.map(|error| error.value));
    table.check(case, "se_cr0", errors.map(|errors| errors.cr0));
    table.check(case, "se_cr1", errors.map(|errors| errors.cr1.value));
    table.check(case, "se_cr2", errors.map(|errors| errors.cr2.value));
    table.check(
        case,
        "df_task",
        by_task.map(|error| error.degrees_of_freedom),
    );
    table.check(
        case,
        "df_cr1",
        errors.map(|errors| errors.cr1.degrees_of_freedom),
    );
    table.check(
        case,
        "df_bm",
        errors.map(|errors| errors.cr2.degrees_of_freedom),
    );
    table.check_interval(case, "ci_task", paired.task_interval(level));
    table.check_interval(
        case,
        "ci_cr1",
        errors.and_then(|errors| errors.cr1.interval(paired.estimate, level)),
    );
    table.check_interval(
        case,
        "ci_cr2",
        errors.and_then(|errors| errors.cr2.interval(paired.estimate, level)),
    );
    table.check(
        case,
        "p_task",
        by_task.and_then(|error| error.p_two_sided(paired.estimate)),
    );
    table.check(
        case,
        "p_cr2",
        errors.and_then(|errors| errors.cr2.p_two_sided(paired.estimate)),
    );
    table.check(case, "se_stratified", paired.stratified_error);
    table.check(case, "se_fixed_suite", paired.fixed_suite_error);
    table.check(case, "improved", Some(paired.directions.improved as f64));
    table.check(case, "regressed", Some(paired.directions.regressed as f64));
    table.check(case, "tied", Some(paired.directions.tied as f64));
}

/// The interval that stands is the table's: its fallback where it calls the case degenerate, CR2 with
/// families, by task without.
fn check_headline(table: &mut Table, case: &Value, paired: &PairedDifference, level: Confidence) {
    let expected = &case["expected"];
    let standing = match paired.method {
        Method::Cr2 => &expected["ci_cr2"],
        Method::Task => &expected["ci_task"],
        Method::ExactFallback { .. } => {
            &expected["fallback"][if 1 < paired.families {
                "clusters"
            } else {
                "tasks"
            }]["ci"]
        }
    };
    let is_fallback = matches!(paired.method, Method::ExactFallback { .. });
    assert_eq!(
        expected["degenerate"],
        Value::Bool(is_fallback),
        "degenerate of case {}",
        case["id"]
    );
    table.compare_interval(case, "standing interval", standing, Some(paired.interval));
    for (key, units) in [("tasks", paired.tasks), ("clusters", paired.families)] {
        let Some(fallback) = expected.get("fallback").map(|fallback| &fallback[key]) else {
            continue;
        };
        table.compare(
            case,
            "deviation",
            &fallback["max_deviation_probability"],
            Some(deviating_share(units, level)),
        );
        table.compare_interval(
            case,
            "fallback",
            &fallback["ci"],
            Some(exact_fallback(paired.estimate, units, level)),
        );
    }
}

fn check_families(table: &mut Table, case: &Value, tasks: &[PairedTask], names: &[String]) {
    let rows = family_table(tasks);
    let families = case["expected"]["families"]
        .as_object()
        .expect("a table of families");
    assert_eq!(rows.len(), families.len());
    for row in rows {
        let task = tasks
            .iter()
            .position(|task| task.family == row.family)
            .expect("a family has a task");
        let want = &families[&names[task]];
        table.compare(case, "family tasks", &want["tasks"], Some(row.tasks as f64));
        table.compare(
            case,
            "family estimate",
            &want["estimate"],
            Some(row.estimate),
        );
    }
    let want = &case["expected"]["family_equal_weight"];
    let mean = equal_family_weight(tasks).expect("at least one task");
    table.compare(case, "equal weight", &want["estimate"], Some(mean.estimate));
    table.compare(
        case,
        "equal weight se",
        &want["se"],
        mean.standard_error.map(|error| error.value),
    );
    table.compare(
        case,
        "equal weight df",
        &want["df"],
        mean.standard_error.map(|error| error.degrees_of_freedom),
    );
}

fn check_ratio(table: &mut Table, case: &Value, tasks: &[PairedTask], level: Confidence) {
    let want = &case["expected"]["ratio"];
    let ratio = rate_ratio(tasks, level);
    let error = ratio.as_ref().and_then(|ratio| ratio.family_error);
    table.compare(
        case,
        "ratio",
        &want["estimate"],
        ratio.as_ref().map(|ratio| ratio.estimate),
    );
    table.compare(
        case,
        "ratio error",
        &want["se_log_cr2"],
        error.map(|error| error.value),
    );
    // Without a clustered error the table has no interval, while the library falls back on the tasks.
    if want["se_log_cr2"].is_number() {
        table.compare_interval(
            case,
            "ratio interval",
            &want["ci_cr2"],
            ratio.and_then(|ratio| ratio.interval),
        );
    }
}

/// Tasks of one trial per arm whose scores differ as listed.
fn tasks_differing_by(differences: &[f64], families: &[usize]) -> Vec<PairedTask> {
    let cell = |score: f64| Cell::of_scores(&[score]).expect("a score");
    let task = |(value, family): (&f64, &usize)| PairedTask {
        baseline: cell((-value).max(0.0)),
        candidate: cell(value.max(0.0)),
        family: *family,
    };
    differences.iter().zip(families).map(task).collect()
}

#[test]
fn one_sided_bounds_agree_with_table_10() {
    let mut table = Table::read("10_noninferiority");
    for case in &table.cases("") {
        let input = &case["input"];
        let tasks = tasks_differing_by(
            &list(&input["differences"], number),
            &labels(&input["families"]),
        );
        let level =
            Confidence::new(1.0 - number(&input["alpha"])).expect("a level between 0 and 1");
        let paired = paired_difference(&tasks, level).expect("at least one task");
        let cr2 = paired.family_errors.map(|errors| errors.cr2);
        table.check(case, "estimate", Some(paired.estimate));
        table.check(case, "se_cr2", cr2.map(|error| error.value));
        table.check(case, "df", cr2.map(|error| error.degrees_of_freedom));
        // The table stops where nothing varies; there the library goes on with the exact fallback.
        let estimable = Some(&paired).filter(|paired| paired.standing_error().is_some());
        table.check(
            case,
            "p_noninferior",
            estimable.and_then(|paired| paired.p_above(-number(&input["margin"]))),
        );
        table.check(
            case,
            "one_sided_lower",
            estimable.map(|paired| paired.lower_bound(level)),
        );
    }
    assert_eq!(table.compared, 35);
}
