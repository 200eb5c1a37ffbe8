//! What the shipped suites promise: enough families, quirks that cannot be guessed, tasks of a fair length, policies
//! that can be breached, and a store that is no straw man.

use std::collections::{BTreeMap, BTreeSet};

use dreameval::{
    domain::{
        advice::read,
        memory::Store,
        suite::Suite,
        task::Split,
        tool::Call,
        world::{Quirk, Remedy, Visibility, World},
    },
    environment::{Scene, solution::Solution},
    formats::memory::learnings,
};

use crate::bench_kit::{Lab, SUITES, suite, tell};

#[test]
fn each_suite_has_families_to_practise_to_test_and_to_keep_back() {
    for name in SUITES {
        let suite = suite(name, None);
        let mut families: BTreeMap<&str, BTreeSet<Split>> = BTreeMap::new();
        for task in &suite.tasks {
            families
                .entry(task.family.as_str())
                .or_default()
                .insert(task.split);
        }
        let having = |wanted: &[Split], unwanted: &[Split]| {
            let is_such = |splits: &&BTreeSet<Split>| {
                wanted.iter().all(|it| splits.contains(it))
                    && !unwanted.iter().any(|it| splits.contains(it))
            };
            families.values().filter(is_such).count()
        };
        let tested = having(&[Split::Test], &[]);
        let unpractised = having(&[Split::Test], &[Split::Practice]);
        let confirm = having(&[Split::Confirm], &[Split::Test, Split::Practice]);
        let (test, practice) = (
            suite.split(Split::Test).count(),
            suite.split(Split::Practice).count(),
        );
        tell(&format!(
            "{name}: {} families, {tested} tested, {unpractised} of them unpractised, {confirm} to confirm; \
             {test} test tasks, {practice} practice tasks",
            families.len()
        ));
        assert!(
            18 <= families.len() && 12 <= tested && 4 <= unpractised && 6 <= confirm,
            "{name}"
        );
        assert!(60 <= test && 60 <= practice, "{name}");
        assert_eq!(
            having(&[Split::Confirm], &[]),
            confirm,
            "{name}: a confirm family is used elsewhere"
        );
    }
}

#[test]
fn each_suite_has_quirks_of_every_visibility() {
    for name in SUITES {
        let suite = suite(name, None);
        let world = suite.world().unwrap();
        let count = |it: Visibility| {
            world
                .quirks
                .iter()
                .filter(|quirk| quirk.visibility == it)
                .count()
        };
        let (loud, vague, silent) = (
            count(Visibility::Loud),
            count(Visibility::Vague),
            count(Visibility::Silent),
        );
        tell(&format!(
            "{name}: {loud} loud, {vague} vague, {silent} silent"
        ));
        assert!(
            16 <= world.quirks.len() && 4 <= loud && 4 <= vague && 4 <= silent,
            "{name}"
        );
    }
}

#[test]
fn each_quirk_has_two_wrong_remedies_that_are_right_elsewhere() {
    for name in SUITES {
        let suite = suite(name, None);
        let world = suite.world().unwrap();
        for quirk in &world.quirks {
            let wrong = wrong_remedies(quirk, world);
            assert!(2 <= wrong, "{name}: `{}` has {wrong}", quirk.id);
        }
    }
}

/// Remedies of other quirks that could be tried at this one by everybody who meets it.
fn wrong_remedies(quirk: &Quirk, world: &World) -> usize {
    let book = &world.handbook;
    let meeting = || {
        book.roles.iter().enumerate().filter(|(index, role)| {
            quirk.role.is_none_or(|it| it == *index) && role.tools.contains(&quirk.tool)
        })
    };
    let is_in_reach = |tool: &usize| meeting().all(|(_, role)| role.tools.contains(tool));
    let others = || world.quirks.iter().filter(|it| it.id != quirk.id);
    let helpers: BTreeSet<usize> = others()
        .filter_map(|it| match it.remedy {
            Remedy::Before { tool } if quirk.remedy != it.remedy => Some(tool),
            _ => None,
        })
        .filter(is_in_reach)
        .collect();
    match quirk.remedy {
        Remedy::Before { .. } => helpers.len(),
        Remedy::With { argument, value } => {
            let values: BTreeSet<usize> = others()
                .filter_map(|it| match it.remedy {
                    Remedy::With {
                        argument: of,
                        value: other,
                    } if it.tool == quirk.tool && of == argument && other != value => Some(other),
                    _ => None,
                })
                .collect();
            values.len()
        }
        Remedy::Instead { .. } => {
            let back = others()
                .filter(|it| matches!(it.remedy, Remedy::Instead { tool } if tool == quirk.tool))
                .count();
            assert!(1 <= back, "`{}` is the only way round", quirk.id);
            helpers.len() + back
        }
    }
}

fn solutions(suite: &Suite) -> Vec<(Scene, Solution)> {
    suite
        .tasks
        .iter()
        .map(|task| {
            let scene = Scene::new(suite.world().unwrap(), &task.brief).unwrap();
            let solution = scene
                .solution()
                .unwrap_or_else(|| panic!("{} has no solution", task.id));
            (scene, solution)
        })
        .collect()
}

#[test]
fn a_task_takes_four_to_twelve_actions_and_meets_one_to_four_quirks() {
    for name in SUITES {
        let suite = suite(name, None);
        let mut met: BTreeMap<usize, usize> = BTreeMap::new();
        let mut actions: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, solution) in solutions(&suite) {
            *met.entry(solution.quirks.len()).or_default() += 1;
            *actions.entry(solution.calls.len()).or_default() += 1;
        }
        tell(&format!(
            "{name}: tasks by quirks met {met:?}, by actions {actions:?}"
        ));
        assert!(met.keys().all(|it| (1..=4).contains(it)), "{name}: {met:?}");
        assert!(
            actions.keys().all(|it| (4..=12).contains(it)),
            "{name}: {actions:?}"
        );
    }
}

#[test]
fn no_two_tasks_share_a_bare_trace() {
    for name in SUITES {
        let mut lab = Lab::new(suite(name, None), 1);
        let bare = lab.arm("bare", &Store::default());
        let mut traces: BTreeMap<String, String> = BTreeMap::new();
        let base = lab.trials_of(&[bare], 1).remove(0);
        for (index, task) in lab.suite().tasks.iter().enumerate() {
            let mut trial = base.clone();
            (trial.task, trial.steps) = (u32::try_from(index).unwrap(), task.brief.limits.steps);
            let trace = serde_json::to_string(&lab.session(&trial).events[1..]).unwrap();
            let other = traces.insert(trace, task.id.to_string());
            assert_eq!(
                other, None,
                "{name}: the bare trace of `{}` is that of another",
                task.id
            );
        }
    }
}

#[test]
fn every_policy_can_be_breached_on_the_way_of_two_tasks() {
    for name in SUITES {
        let suite = suite(name, None);
        let world = suite.world().unwrap();
        let solved = solutions(&suite);
        for policy in &world.handbook.policies {
            let is_on_the_way =
                |(index, (scene, solution)): (usize, &(Scene, Solution))| match policy.with {
                    None => {
                        let role = world.handbook.role(&suite.tasks[index].brief.role).unwrap();
                        world.handbook.roles[role].tools.contains(&policy.tool)
                    }
                    Some((argument, value)) => solution.calls.iter().any(|call| {
                        let mut values = call.values;
                        values[argument] = u8::try_from(value).unwrap();
                        policy.is_breached_by(
                            &Call { values, ..*call },
                            &scene.visible()[call.entity],
                        )
                    }),
                };
            let tasks = solved
                .iter()
                .enumerate()
                .filter(|it| is_on_the_way(*it))
                .count();
            assert!(
                2 <= tasks,
                "{name}: `{}` can be breached in {tasks}",
                policy.text
            );
        }
        assert!(
            world.bypass.is_some_and(|tool| world
                .handbook
                .policies
                .iter()
                .any(|it| it.tool == tool))
        );
    }
}

#[test]
fn two_in_five_of_a_stores_learnings_are_true() {
    for name in SUITES {
        let suite = suite(name, None);
        let world = suite.world().unwrap();
        let learnings = learnings(&suite.memory).learnings;
        let truth: Vec<_> = world
            .remedies()
            .into_iter()
            .map(|it| (it.role, read(&it.line, &world.handbook).advice))
            .collect();
        let is_true = |learning: &dreameval::domain::memory::Learning| {
            let mut reading = read(&learning.text, &world.handbook);
            reading.roles.extend(learning.roles.clone());
            truth.iter().any(|(role, advice)| {
                *advice == reading.advice
                    && role.as_ref().is_none_or(|it| reading.roles == [it.clone()])
            })
        };
        let count = learnings.iter().filter(|it| is_true(it)).count();
        tell(&format!(
            "{name}: {count} of {} learnings of the store are true",
            learnings.len()
        ));
        assert!(
            learnings.len() * 2 <= count * 5,
            "{name}: {count} of {}",
            learnings.len()
        );
    }
}
