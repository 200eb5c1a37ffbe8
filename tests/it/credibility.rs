//! Why the embedded default may be believed: nobody completes much without knowing the quirks, nobody completes all,
//! and memory works through what it says alone.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use dreameval::{
    agents::{
        Agent,
        embedded::{Embedded, Policy},
        scripted::Script,
    },
    domain::{
        id::Digest,
        memory::{Entry, Store},
        task::Task,
    },
    draw::Key,
    environment::{Desk, Place, Scene},
    files::TemporaryFolder,
    runner::Pace,
    scoring,
    study::{self, arms, asked::Asked, plan::Amount},
};
use tokio::runtime::Builder;

use crate::bench_kit::{
    Lab, SUITES, asked, compared, completed, completions, store_of, suite, tell,
};

/// Rates from 0 to 1 that the bare agent must stay between, so that there is room to help and to harm.
const BASE: std::ops::Range<f64> = 0.10..0.60;

#[test]
fn bare_completes_some_tasks_and_the_true_remedies_most_but_not_all() {
    for name in SUITES {
        let mut lab = Lab::new(suite(name, None), 1);
        let bare = lab.arm("bare", &Store::default());
        let oracle = lab.arm("oracle", &arms::oracle(&lab.world()));
        let (bare, oracle) = (lab.rate(bare, None), lab.rate(oracle, None));
        tell(&format!("{name}: bare {bare:.3}, oracle {oracle:.3}"));
        assert!(BASE.contains(&bare), "{name}: bare completes {bare}");
        assert!(
            (0.75..1.0).contains(&oracle),
            "{name}: oracle completes {oracle}"
        );
    }
}

#[test]
fn the_expert_solves_all_the_idler_nothing_the_spammer_hardly_anything() {
    for name in SUITES {
        let suite = suite(name, None);
        let (mut solved, mut idle, mut spammed) = (0, 0, 0);
        for task in &suite.tasks {
            let scene = Arc::new(Scene::new(suite.world().unwrap(), &task.brief).unwrap());
            let solution = scene
                .solution()
                .unwrap_or_else(|| panic!("{} has no solution", task.id));
            let (expert, is_lost) = scripted(task, &scene, Script::Calls(solution.calls));
            solved += usize::from(expert || is_lost);
            idle += usize::from(scripted(task, &scene, Script::Nothing).0);
            spammed += usize::from(scripted(task, &scene, Script::Anything).0);
        }
        let tasks = suite.tasks.len();
        tell(&format!(
            "{name}: expert {solved}, idler {idle}, spammer {spammed} of {tasks}"
        ));
        assert_eq!((solved, idle), (tasks, 0), "{name}");
        assert!(
            spammed * 20 <= tasks,
            "{name}: the spammer completes {spammed} of {tasks}"
        );
    }
}

/// Whether the script completes the task, and whether the trial held a fault nobody can mend.
fn scripted(task: &Task, scene: &Arc<Scene>, script: Script) -> (bool, bool) {
    let key = Key::root(1).word(task.id.as_str());
    let mut desk = Desk::new(Arc::clone(scene), key.word("world"));
    let work = dreameval::agents::Work {
        brief: &task.brief,
        memory: &[],
        store: &dreameval::domain::memory::Store::default(),
        kit: &dreameval::domain::suite::Kit::default(),
        place: Place::Desk(&mut desk),
        key,
        keep_events: false,
        label: dreameval::agents::Label::default(),
    };
    let runtime = Builder::new_current_thread().build().unwrap();
    let attempt = runtime.block_on(script.attempt(work)).unwrap();
    let grade = runtime
        .block_on(scoring::grade(
            &task.grader,
            &attempt,
            &Place::Desk(&mut desk),
        ))
        .unwrap();
    (grade.completed, desk.is_lost())
}

#[test]
fn an_agent_that_reads_nothing_acts_as_if_bare_whatever_lies_in_its_memory() {
    for name in SUITES {
        for policy in [Policy::Planner, Policy::Forager] {
            let blind = Embedded {
                policy,
                reads: false,
            };
            let mut lab = Lab::of_agent(suite(name, None), 1, blind);
            let bare = lab.arm("bare", &Store::default());
            let oracle = lab.arm("oracle", &arms::oracle(&lab.world()));
            for (without, with) in lab
                .trials_of(&[bare], 1)
                .iter()
                .zip(&lab.trials_of(&[oracle], 1))
            {
                assert_eq!(without.task, with.task);
                assert_eq!(lab.session(without).events, lab.session(with).events);
            }
        }
    }
}

#[test]
fn nonsense_never_completes_what_bare_does_not() {
    for name in SUITES {
        let mut lab = Lab::new(suite(name, None), 1);
        let (_, dream) = lab.dream();
        let bare = lab.arm("bare", &Store::default());
        let nonsense = lab.arm("nonsense", &as_nonsense(&dream.store));
        let without = lab.play(&lab.trials_of(&[bare], 3));
        let with = lab.play(&lab.trials_of(&[nonsense], 3));
        let gained = completed(&without)
            .into_iter()
            .zip(completed(&with))
            .filter(|pair| *pair == (Some(false), Some(true)))
            .count();
        tell(&format!(
            "{name}: bare {}, nonsense {}",
            completions(&without),
            completions(&with)
        ));
        assert_eq!(gained, 0, "{name}");
    }
}

/// As many words under the same names; none of them means anything.
fn as_nonsense(store: &Store) -> Store {
    let scrambled = |text: &str| -> String {
        text.chars()
            .map(|it| if it.is_ascii_lowercase() { 'x' } else { it })
            .collect()
    };
    let entries = store.entries.iter().map(|entry| Entry {
        path: entry.path.clone(),
        text: entry.text.rsplit_once("---\n\n").map_or_else(
            || scrambled(&entry.text),
            |(matter, body)| format!("{matter}---\n\n{}", scrambled(body)),
        ),
    });
    Store::new(entries.collect())
}

#[test]
fn the_memory_of_another_desk_does_not_beat_bare() {
    for (name, other) in SUITES
        .into_iter()
        .zip(["finance-desk", "operations", "legal-desk"])
    {
        let foreign = Lab::new(suite(other, None), 1).dream().1.store;
        let mut lab = Lab::new(suite(name, None), 1);
        let bare = lab.arm("bare", &Store::default());
        let shuffled = lab.arm("foreign", &foreign);
        let found =
            compared(&lab.rows_of(&[bare, shuffled], 3, None), "bare", "foreign").difference;
        let (estimate, interval) = (found.estimate.unwrap(), found.interval.unwrap());
        tell(&format!(
            "{name} with the memory of {other}: {estimate:+.4} {interval:?}"
        ));
        assert!(interval[0] <= 0.0, "{name}: {interval:?}");
        assert!(estimate <= 0.01, "{name}: {estimate}");
    }
}

#[test]
fn completion_never_falls_as_the_budget_grows() {
    for name in SUITES {
        let mut lab = Lab::new(suite(name, None), 1);
        let (_, dream) = lab.dream();
        let bare = lab.arm("bare", &Store::default());
        let dreamed = lab.arm("dreamed", &dream.store);
        for arm in [bare, dreamed] {
            let budgets = lab.suite().sweep_steps.clone();
            let rates: Vec<f64> = budgets
                .iter()
                .map(|steps| lab.rate(arm, Some(*steps)))
                .collect();
            tell(&format!("{name}, arm {arm}: {budgets:?} {rates:.3?}"));
            assert!(
                budgets.is_sorted() && rates.is_sorted(),
                "{name}: {budgets:?} {rates:?}"
            );
        }
    }
}

#[test]
fn names_of_entities_change_no_result() {
    for name in SUITES {
        let plain = suite(name, None);
        let mut renamed = plain.clone();
        for task in &mut renamed.tasks {
            rename_entities(task);
        }
        let rates = [plain, renamed].map(|suite| {
            let mut lab = Lab::new(suite, 1);
            let (_, dream) = lab.dream();
            let dreamed = lab.arm("dreamed", &dream.store);
            (
                dream.store,
                completed(&lab.play(&lab.trials_of(&[dreamed], 3))),
            )
        });
        assert_eq!(rates[0], rates[1], "{name}");
    }
}

fn rename_entities(task: &mut Task) {
    use dreameval::domain::task::Grader;
    let brief = &mut task.brief;
    let names: Vec<String> = brief.setup.iter().map(|it| it.name.clone()).collect();
    let fresh = |name: &str| {
        let at = names
            .iter()
            .position(|it| it == name)
            .unwrap_or(names.len());
        format!("thing-{at}")
    };
    for entity in &mut brief.setup {
        entity.name = fresh(&entity.name);
    }
    for ask in &mut brief.asks {
        ask.of = fresh(&ask.of);
    }
    let Grader::State { holds } = &mut task.grader else {
        panic!("{} is graded by something else than state", task.id)
    };
    for ask in holds {
        ask.of = fresh(&ask.of);
    }
}

#[test]
fn order_ids_and_quoting_of_notes_change_no_result() {
    for name in SUITES {
        let mut lab = Lab::new(suite(name, None), 1);
        let (_, dream) = lab.dream();
        let texts: Vec<String> = dream
            .store
            .entries
            .iter()
            .map(|it| it.text.clone())
            .collect();
        let quoted: Vec<String> = texts.iter().map(|text| requoted(text)).collect();
        let dreamed = lab.arm("dreamed", &dream.store);
        let backward = lab.arm(
            "backward",
            &store_of(texts.iter().rev().map(String::as_str)),
        );
        let quoted = lab.arm("quoted", &store_of(quoted.iter().map(String::as_str)));
        let results =
            [dreamed, backward, quoted].map(|arm| completed(&lab.play(&lab.trials_of(&[arm], 3))));
        assert_eq!(results[0], results[1], "{name}: order");
        assert_eq!(results[0], results[2], "{name}: ids and quoting");
    }
}

/// Other session ids, titles in double quotes, and `*` for `-` before items.
fn requoted(text: &str) -> String {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        lines.push(match line.strip_prefix("name: ") {
            Some(_) => format!("name: \"entry {index} of \\\"another\\\" store\""),
            None => line.replace("- ", "* "),
        });
    }
    let front = lines
        .iter()
        .skip(1)
        .position(|line| line == "---")
        .map_or(0, |at| at + 1);
    for (index, line) in lines.iter_mut().enumerate().take(front) {
        if line.starts_with("* ") {
            *line = format!("- renamed-session-{index}");
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn traces_are_the_same_for_any_number_of_threads() {
    for name in SUITES {
        assert_eq!(traces(name, 1), traces(name, 8), "{name}");
    }
}

/// A digest over every record of a small run, which hold the digests of their transcripts.
fn traces(name: &str, workers: usize) -> Digest {
    let folder = TemporaryFolder::create("threads").unwrap();
    std::fs::create_dir_all(folder.path().join("transcripts")).unwrap();
    let amount = Amount {
        practice_repeats: 1,
        repeats: 1,
        pairs: 50,
        sweeps: true,
    };
    let asked = Asked {
        arms: ["bare", "dreamed"].map(str::to_owned).to_vec(),
        ..asked(Arc::new(suite(name, None)), amount, 1)
    };
    let pace = Pace {
        workers,
        halt: Arc::default(),
        purse: None,
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let finished = runtime
        .block_on(study::run(&asked, folder.path(), &pace, &mut |_| {}))
        .unwrap()
        .unwrap();
    assert!(
        finished
            .records
            .iter()
            .any(|record| record.transcript.is_some())
    );
    Digest::of(serde_json::to_string(&finished.records).unwrap().as_bytes())
}

#[test]
fn agents_and_dreamers_hold_nothing_of_the_suites() {
    let mut forbidden: Vec<String> = Vec::new();
    for name in SUITES {
        let suite = suite(name, None);
        let world = suite.world().unwrap();
        forbidden.extend(world.quirks.iter().map(|quirk| quirk.id.clone()));
        forbidden.extend(world.remedies().into_iter().map(|remedy| remedy.line));
        forbidden.extend(
            world
                .quirks
                .iter()
                .flat_map(|quirk| &quirk.when)
                .map(|it| world.handbook.say(*it)),
        );
        forbidden.extend(world.handbook.roles.iter().map(|role| role.name.clone()));
        for task in &suite.tasks {
            forbidden.push(task.id.to_string());
            forbidden.extend(task.brief.setup.iter().map(|entity| entity.name.clone()));
        }
    }
    for folder in ["src/agents", "src/dreaming"] {
        for path in sources(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
            for known in &forbidden {
                assert!(
                    !has_word(&text, &known.to_lowercase()),
                    "{} holds `{known}`",
                    path.display()
                );
            }
            assert!(
                !text.contains("domain::world"),
                "{} sees a world",
                path.display()
            );
        }
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '-' || it == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_part)
            && !text[at + word.len()..].chars().next().is_some_and(is_part)
    })
}
