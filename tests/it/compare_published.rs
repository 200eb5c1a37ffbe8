//! Published results of real agents, compared with figures computed elsewhere, where `DREAMEVAL_DATASETS` names their folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use dreameval::analysis::compare;
use dreameval::analysis::evidence::{Comparison, PassPair};
use dreameval::analysis::table::{Reading, Table, read_trials};
use dreameval::domain::id::ArmName;
use dreameval::domain::trial::TrialRow;
use serde_json::Value;

/// What the figures were rounded to, and what is asked beyond that.
const CLOSE: f64 = 1e-6 + 0.5e-6;

/// Draws behind a Monte-Carlo p-value there.
const DRAWS: f64 = 100_000.0;

#[test]
fn dynamic_cheatsheet_agrees() {
    let Some(data) = Dataset::open("dynamic-cheatsheet-aime") else {
        return;
    };
    assert_eq!(data.compare_all(aime), 26);
}

#[test]
fn reflexion_on_hotpotqa_agrees() {
    let Some(data) = Dataset::open("reflexion-hotpotqa") else {
        return;
    };
    assert_eq!(data.compare_all(hotpotqa), 7);
}

#[test]
fn reflexion_on_webshop_agrees() {
    let Some(data) = Dataset::open("reflexion-webshop") else {
        return;
    };
    assert_eq!(data.compare_all(webshop), 8);
}

#[test]
fn advice_in_retail_agrees() {
    let Some(data) = Dataset::open("tau-retail-advice") else {
        return;
    };
    assert_eq!(data.compare_all(retail), 3);
}

#[test]
fn terminal_bench_agrees() {
    let Some(data) = Dataset::open("terminal-bench-runs") else {
        return;
    };
    assert_eq!(data.compare_all(terminal), 5);
    let rows = data.rows(&["arm=arm+model"], &[]);
    let submissions = list(&data.expected["by_submission"]);
    let name = |it: &Value| format!("{}/{}", text(&it["arm"]), text(&it["model"]));
    let first = name(&submissions[0]);
    let passes: Vec<usize> = submissions[1..]
        .iter()
        .map(|it| {
            let found = between(&rows, &first, &name(it));
            check_passes(&found, it, |pair| pair.candidate)
                + check_passes(&found, &submissions[0], |pair| pair.baseline)
        })
        .collect();
    assert_eq!(passes, [20; 12]);
}

#[test]
fn airline_passes_agree() {
    let Some(data) = Dataset::open("tau-airline-gpt4o") else {
        return;
    };
    let mut rows = data.rows(&[], &[]);
    let again: Vec<TrialRow> = rows
        .iter()
        .map(|row| TrialRow {
            arm: ArmName::new("again"),
            ..row.clone()
        })
        .collect();
    rows.extend(again);
    let found = between(&rows, "tool_calling", "again");
    assert_eq!(
        check_passes(&found, &data.expected, |pair| pair.baseline),
        8
    );
}

/// How a contrast selects its rows.
struct Selection {
    map: Vec<String>,
    only: Vec<String>,
    tasks: fn(&str) -> bool,
    arms: [String; 2],
}

/// `aime_2024 gpt-4o: baseline vs empty_memory`, or `AIME 2024+2025, both models: …; unit = model x question (120), …`
fn aime(name: &str) -> Selection {
    let (scope, arms) = name.split_once(": ").unwrap();
    let arms = versus(arms.split(';').next().unwrap());
    match scope {
        "AIME 2024+2025, both models" => Selection {
            map: vec!["task=model+task_id".to_owned()],
            only: Vec::new(),
            tasks: |task| task.contains("/aime_2024-") || task.contains("/aime_2025-"),
            arms,
        },
        _ => {
            let (dataset, model) = scope.split_once(' ').unwrap();
            Selection {
                map: Vec::new(),
                only: vec![
                    format!("dataset=dynamic-cheatsheet/{dataset}"),
                    format!("model={model}"),
                ],
                tasks: |_| true,
                arms,
            }
        }
    }
}

/// `react: base vs reflexion, correct at trial 4`
fn hotpotqa(name: &str) -> Selection {
    let (agent, rest) = name.split_once(": ").unwrap();
    let (arms, trial) = rest.split_once(", correct at trial ").unwrap();
    Selection {
        map: Vec::new(),
        only: vec![
            format!("dataset=reflexion-hotpotqa/{agent}"),
            format!("trial={trial}"),
        ],
        tasks: |_| true,
        arms: versus(arms),
    }
}

/// `trial 0: base_2 vs reflexion_1`
fn webshop(name: &str) -> Selection {
    let (trial, arms) = name
        .strip_prefix("trial ")
        .and_then(|rest| rest.split_once(": "))
        .unwrap();
    Selection {
        map: Vec::new(),
        only: vec![format!("trial={trial}")],
        tasks: |_| true,
        arms: versus(arms),
    }
}

/// `tool_calling vs precondition_advice; cluster = customer`. The trial column there is a running number within the customer.
fn retail(name: &str) -> Selection {
    Selection {
        map: Vec::new(),
        only: Vec::new(),
        tasks: |_| true,
        arms: versus(name.split(';').next().unwrap()),
    }
}

/// `droid/claude-4-sonnet vs droid/gpt-5; unit = task mean over 5 runs`
fn terminal(name: &str) -> Selection {
    Selection {
        map: vec!["arm=arm+model".to_owned()],
        ..retail(name)
    }
}

fn versus(arms: &str) -> [String; 2] {
    let (baseline, candidate) = arms.split_once(" vs ").unwrap();
    [baseline.to_owned(), candidate.to_owned()]
}

struct Dataset {
    table: Table,
    expected: Value,
}

impl Dataset {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the data sets are is the test's own setting"
    )]
    fn open(name: &str) -> Option<Dataset> {
        let Some(folder) = std::env::var_os("DREAMEVAL_DATASETS") else {
            // Past the capture of the test harness, so that a skip is never mistaken for a pass.
            writeln!(std::io::stdout(), "SKIPPED: DREAMEVAL_DATASETS is not set").unwrap();
            return None;
        };
        let path = |file: &str| -> PathBuf { Path::new(&folder).join(name).join(file) };
        let bytes = std::fs::read(path("results.csv")).unwrap();
        Some(Dataset {
            table: Table::read(&bytes, &path("results.csv")).unwrap(),
            expected: serde_json::from_slice(&std::fs::read(path("expected.json")).unwrap())
                .unwrap(),
        })
    }

    fn rows(&self, map: &[&str], only: &[&str]) -> Vec<TrialRow> {
        let owned = |values: &[&str]| {
            values
                .iter()
                .map(|value| (*value).to_owned())
                .collect::<Vec<_>>()
        };
        let reading = Reading::new(&owned(map), &owned(only)).unwrap();
        read_trials(std::slice::from_ref(&self.table), &reading)
            .unwrap()
            .rows
    }

    /// Compares every contrast with and without families; says how many there were.
    fn compare_all(&self, selection: fn(&str) -> Selection) -> usize {
        let contrasts = list(&self.expected["contrasts"]);
        for want in contrasts {
            let name = text(&want["name"]);
            let chosen = selection(name);
            let mut map: Vec<&str> = chosen.map.iter().map(String::as_str).collect();
            let only: Vec<&str> = chosen.only.iter().map(String::as_str).collect();
            let found = |map: &[&str]| {
                let mut rows = self.rows(map, &only);
                rows.retain(|row| (chosen.tasks)(row.task.as_str()));
                between(&rows, &chosen.arms[0], &chosen.arms[1])
            };
            check_families(name, &found(&map), want);
            map.push("family=task");
            check_tasks(name, &found(&map), want);
        }
        contrasts.len()
    }
}

fn between(rows: &[TrialRow], baseline: &str, candidate: &str) -> Comparison {
    compare(rows, &ArmName::new(baseline), &ArmName::new(candidate)).unwrap()
}

/// What takes tasks as independent.
fn check_tasks(name: &str, found: &Comparison, want: &Value) {
    assert_eq!(
        u64::from(found.tasks),
        want["n_paired"].as_u64().unwrap(),
        "{name}"
    );
    let absent = want["only_with"].as_u64().unwrap() + want["only_without"].as_u64().unwrap();
    assert_eq!(found.excluded_tasks.len() as u64, absent, "{name}");
    let difference = &found.difference;
    near(name, difference.estimate, &want["diff"]);
    near(name, found.baseline_rate.rate, &want["mean_without_paired"]);
    near(name, found.candidate_rate.rate, &want["mean_with_paired"]);
    if number(&want["se_iid"]) == 0.0 {
        assert_eq!(difference.method, "exact-fallback", "{name}");
        assert_eq!((difference.se, difference.p), (None, None), "{name}");
        assert!(
            difference.interval.is_some_and(|[low, high]| low < high),
            "{name}"
        );
    } else {
        assert_eq!(difference.method, "cr2", "{name}");
        near(name, difference.se, &want["se_iid"]);
        near(name, difference.se_task, &want["se_iid"]);
        near(name, difference.p, &want["p_t_iid"]);
        near_both(name, difference.interval, &want["ci95_t_iid"]);
        near_both(name, difference.interval_task, &want["ci95_t_iid"]);
    }
    if want["wilson95_with"].is_array() {
        near_both(
            name,
            found.baseline_rate.interval,
            &want["wilson95_without"],
        );
        near_both(name, found.candidate_rate.interval, &want["wilson95_with"]);
    }
    if want["mcnemar"].is_object() {
        let mcnemar = found.mcnemar.as_ref().expect(name);
        assert_eq!(
            u64::from(mcnemar.gained),
            want["mcnemar"]["gained"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(
            u64::from(mcnemar.lost),
            want["mcnemar"]["lost"].as_u64().unwrap(),
            "{name}"
        );
        near(name, Some(mcnemar.p_exact), &want["mcnemar"]["exact_p"]);
    }
}

/// What clusters by family: the table's own, where it has them.
fn check_families(name: &str, found: &Comparison, want: &Value) {
    assert_eq!(
        u64::from(found.families),
        want["n_clusters"].as_u64().unwrap(),
        "{name}"
    );
    near(name, found.difference.estimate, &want["diff"]);
    if want["se_cluster_cr1"].is_number() {
        near(name, found.difference.se_cr1, &want["se_cluster_cr1"]);
        near(name, found.difference.se_task, &want["se_iid"]);
        near_both(name, found.difference.interval_task, &want["ci95_t_iid"]);
    }
    let p = number(&want["signflip_p"]);
    let found = found.sign_flip_p.expect(name);
    let slack = if want["signflip_exact"] == true {
        CLOSE
    } else {
        4.0 * (p * (1.0 - p) / DRAWS).sqrt() + 1.0 / DRAWS
    };
    assert!((found - p).abs() <= slack, "{name}: {found} is not {p}");
}

/// Checks both curves; says how many points.
fn check_passes(found: &Comparison, want: &Value, side: fn(&PassPair) -> f64) -> usize {
    let mut points = 0;
    for (curve, want) in [
        (&found.pass_at_k, &want["pass_at_k"]),
        (&found.pass_hat_k, &want["pass_hat_k"]),
    ] {
        for (k, want) in want.as_object().unwrap() {
            near(k, curve.get(&k.parse().unwrap()).map(side), want);
            points += 1;
        }
    }
    points
}

fn near(name: &str, found: Option<f64>, want: &Value) {
    let found = found.expect(name);
    assert!(
        (found - number(want)).abs() <= CLOSE,
        "{name}: {found} is not {want}"
    );
}

fn near_both(name: &str, found: Option<[f64; 2]>, want: &Value) {
    let [low, high] = found.expect(name);
    near(name, Some(low), &want[0]);
    near(name, Some(high), &want[1]);
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}
