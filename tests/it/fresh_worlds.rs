//! Worlds that stand nowhere in the repository: dreaming helps there, the controls do not, and the reference dreamer
//! finds what practice met.

use dreameval::{
    agents::scripted::Script,
    analysis::evidence::Comparison,
    domain::{memory::Store, world::Visibility},
    dreaming::controls::Control,
    study::arms,
};

use crate::{
    bench_kit::{Lab, SUITES, battery, compared, fresh_seeds, suite, tell},
    dream_truth::Quality,
};

/// Worlds of the full battery, and of a quick run.
const WORLDS: (u64, u64) = (2, 20);

#[test]
fn dreaming_beats_bare_stored_and_placebo_at_several_budgets() {
    for seed in fresh_seeds(battery(WORLDS.0, WORLDS.1)) {
        let mut lab = Lab::new(suite("legal-desk", Some(seed)), 1);
        let (_, dream) = lab.dream();
        let bare = lab.arm("bare", &Store::default());
        let dreamed = lab.arm("dreamed", &dream.store);
        let placebo = lab.placebo_of(dreamed);
        let placebo = lab.arm("placebo", &placebo);
        let stored = 0;
        let mut clear = [0; 3];
        for steps in lab.suite().sweep_steps.clone() {
            let rows = lab.rows_of(&[bare, stored, placebo, dreamed], 3, Some(steps));
            for (index, baseline) in ["bare", "stored", "placebo"].into_iter().enumerate() {
                let found = compared(&rows, baseline, "dreamed");
                tell(&told(seed, steps, &found));
                clear[index] += u32::from(0.0 < low(&found));
            }
        }
        assert!(
            clear.iter().all(|budgets| 3 <= *budgets),
            "world {seed}: clear at {clear:?} budgets"
        );
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one world is played once for all of these claims"
)]
fn the_reference_dreamer_beats_the_controls_and_leaves_room_to_the_oracle() {
    for name in SUITES {
        let mut sums = [0.0; 7];
        let seeds = fresh_seeds(battery(1, WORLDS.1));
        for seed in &seeds {
            let mut lab = Lab::new(suite(name, Some(*seed)), 1);
            let (sessions, dream) = lab.dream();
            let stored = 0;
            let bare = lab.arm("bare", &Store::default());
            let dreamed = lab.arm("dreamed", &dream.store);
            let [null, shuffler, hoarder] = [Control::Null, Control::Shuffler, Control::Hoarder]
                .map(|control| lab.dream_of(&control, &sessions).store);
            let null = lab.arm("null", &null);
            let shuffler = lab.arm("shuffler", &shuffler);
            let hoarder = lab.arm("hoarder", &hoarder);
            let oracle = lab.arm("oracle", &arms::oracle(&lab.world()));
            let arms = [bare, stored, dreamed, null, shuffler, hoarder, oracle];
            let rows = lab.rows_of(&arms, 3, None);
            let between = |baseline: &str, candidate: &str| compared(&rows, baseline, candidate);
            let of = |it: &Comparison| it.difference.estimate.unwrap();
            let dreaming = between("bare", "dreamed");
            let room = of(&between("dreamed", "oracle"));
            let store = between("bare", "stored");
            let shuffled = of(&between("bare", "shuffler"));
            let figures = [
                dreaming.baseline_rate.rate.unwrap(),
                of(&dreaming),
                of(&store),
                of(&between("null", "dreamed")),
                of(&between("hoarder", "dreamed")),
                shuffled,
                room,
            ];
            tell(&format!(
                "{name}, world {seed}: bare, then dreamed − bare, stored − bare, dreamed − null, dreamed − hoarder, \
                 shuffler − bare, oracle − dreamed: {figures:.3?}"
            ));
            for (sum, figure) in sums.iter_mut().zip(figures) {
                *sum += figure / seeds.len() as f64;
            }
            assert!(
                (0.10..0.60).contains(&figures[0]),
                "{name}, world {seed}: bare completes {}",
                figures[0]
            );
            assert!(
                0.05 <= room,
                "{name}, world {seed}: oracle − dreamed is {room}"
            );
            assert!(
                0.0 <= high(&store),
                "{name}, world {seed}: stored loses to bare"
            );
            assert!(
                0.0 < low(&between("null", "dreamed")),
                "{name}, world {seed}: no better than a copy"
            );
            assert!(
                0.0 < low(&between("hoarder", "dreamed")),
                "{name}, world {seed}: no better than a hoard"
            );
            assert!(
                shuffled < 0.0,
                "{name}, world {seed}: shuffled remedies gain {shuffled}"
            );
        }
        tell(&format!(
            "{name}, mean of {} worlds: {sums:.3?}",
            seeds.len()
        ));
    }
}

#[test]
fn the_reference_dreamer_finds_what_practice_met_and_little_else() {
    let mut all = Quality::default();
    for name in SUITES {
        let mut quality = Quality::default();
        for seed in fresh_seeds(battery(WORLDS.0, WORLDS.1)) {
            let mut lab = Lab::new(suite(name, Some(seed)), 1);
            let (sessions, dream) = lab.dream();
            for quality in [&mut quality, &mut all] {
                quality.count(&lab.world(), &sessions, &dream);
            }
        }
        tell(&format!(
            "{name}: {:?}, added {:?}, whole store {:?}",
            quality.recall, quality.added, quality.whole
        ));
    }
    for fault in &all.faults {
        tell(fault);
    }
    let recall = |it: Visibility| all.recall.get(&it).copied().unwrap_or_default().percent();
    assert!(70.0 <= recall(Visibility::Loud), "loud: {:?}", all.recall);
    assert!(40.0 <= recall(Visibility::Vague), "vague: {:?}", all.recall);
    assert!(
        20.0 <= recall(Visibility::Silent),
        "silent: {:?}",
        all.recall
    );
    assert!(
        80.0 <= all.added.percent(),
        "precision of what was added: {:?}",
        all.added
    );
    assert!(
        80.0 <= all.whole.percent(),
        "precision of the whole store: {:?}",
        all.whole
    );
}

#[test]
fn the_ruler_holds_in_every_world() {
    for name in SUITES {
        for seed in fresh_seeds(battery(WORLDS.0, WORLDS.1)) {
            let spammer = Lab::of_agent(suite(name, Some(seed)), 1, Script::Anything);
            let mut lab = spammer;
            let bare = lab.arm("bare", &Store::default());
            let spammed = lab.completed_of_all(bare);
            let tasks = lab.suite().tasks.len();
            assert!(
                spammed * 20 <= tasks,
                "{name}, world {seed}: the spammer completes {spammed} of {tasks}"
            );
            for task in 0..lab.suite().tasks.len() {
                let is_solved = lab.bench.scene(task).unwrap().solution().is_some();
                assert!(
                    is_solved,
                    "{name}, world {seed}: {} has no solution",
                    lab.suite().tasks[task].id
                );
            }
        }
    }
}

fn low(comparison: &Comparison) -> f64 {
    comparison.difference.interval.unwrap()[0]
}

fn high(comparison: &Comparison) -> f64 {
    comparison.difference.interval.unwrap()[1]
}

fn told(seed: u64, steps: u32, found: &Comparison) -> String {
    let difference = &found.difference;
    format!(
        "world {seed} at {steps} steps: dreamed − {} {:+.3} {:.3?} ({})",
        found.baseline,
        difference.estimate.unwrap(),
        difference.interval.unwrap(),
        difference.method
    )
}
