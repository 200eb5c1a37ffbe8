//! The gate over many seeds: a store that did not change passes or is undecided, a store made worse fails.

use dreameval::{
    domain::memory::{Entry, Store},
    formats::store_template::wrong_remedy,
    promotion::{
        gate::{Gate, GateWord},
        policy::Policy,
        verdict::Verdict,
    },
    study::{
        conclusion::{Conclusion, conclude},
        gating::gate,
        plan::Roster,
    },
};

use crate::{
    bench_kit::{GATE, Lab, SUITES, battery, suite, tell},
    dream_truth::{Share, statements, truths},
};

#[test]
fn a_store_that_did_not_change_seldom_fails() {
    let mut failed = Share::default();
    for name in SUITES {
        let store = dreamed(name);
        for seed in 1..=battery(1, 200) {
            let (gate, conclusion) = judged(name, &store, &store, seed);
            let demotes = conclusion.verdicts.with(Verdict::Demote).count();
            failed.count(gate.word == GateWord::Fail || 0 < demotes);
            assert_ne!(gate.word, GateWord::Inconclusive, "{}", gate.says);
        }
    }
    tell(&format!(
        "unchanged stores that failed or demoted: {failed:?}"
    ));
    assert!(failed.percent() <= 5.0, "{failed:?}");
}

#[test]
fn a_store_made_worse_by_ten_points_fails_or_is_said_to_be_beyond_sight() {
    for name in SUITES {
        let store = dreamed(name);
        let (worse, loss) = made_worse(name, &store);
        let (mut failed, mut said) = (Share::default(), Share::default());
        for seed in 1..=battery(1, 200) {
            let (gate, _) = judged(name, &store, &worse, seed);
            failed.count(gate.word == GateWord::Fail);
            let explains = gate.word == GateWord::Inconclusive
                && gate.says.contains("neither shown nor excluded")
                && gate.says.contains("smallest loss it would see");
            said.count(gate.word == GateWord::Fail || explains);
        }
        tell(&format!(
            "{name}: worse by {loss:.3}: failed {failed:?}, failed or said why not {said:?}"
        ));
        assert!(
            80.0 <= failed.percent() || said.percent() == 100.0,
            "{name}: {failed:?} {said:?}"
        );
        assert_eq!(said.percent(), 100.0, "{name}: {said:?}");
    }
}

fn dreamed(name: &'static str) -> Store {
    Lab::new(suite(name, None), 1).dream().1.store
}

/// The store with one true remedy after another turned into a wrong one, until it completes 10 points less.
fn made_worse(name: &'static str, store: &Store) -> (Store, f64) {
    let mut lab = Lab::new(suite(name, None), 77);
    let world = lab.world();
    let whole = lab.arm("whole", store);
    let before = lab.rate(whole, None);
    let mut worse = store.clone();
    for (quirk, truth) in world.quirks.iter().zip(truths(&world)) {
        let stated = statements(&worse, &world);
        let Some(right) = stated.iter().find(|it| it.says(&truth)) else {
            continue;
        };
        let wrong = world
            .handbook
            .line(quirk.tool, &quirk.when, wrong_remedy(quirk, &world));
        let path = right.learning.source.path.clone();
        let told = right.learning.text.trim().trim_end_matches('.').to_owned();
        let entries = worse.entries.iter().map(|it| match it.path == path {
            true => Entry {
                path: it.path.clone(),
                text: it.text.replace(&told, &wrong),
            },
            false => it.clone(),
        });
        worse = Store::new(entries.collect());
        let arm = lab.arm(&format!("worse-{}", quirk.id), &worse);
        let loss = before - lab.rate(arm, None);
        if 0.10 <= loss {
            return (worse, loss);
        }
    }
    panic!("{name}: the store could not be made worse by 10 points");
}

/// The gate's word on `store` against `before`, at the `gate` preset.
fn judged(name: &'static str, before: &Store, store: &Store, seed: u64) -> (Gate, Conclusion) {
    let mut lab = Lab::new(suite(name, None), seed);
    let stored = lab.arm("stored", before);
    let dreamed = lab.arm("dreamed", store);
    let roster = Roster {
        replayed: vec![stored, dreamed],
        swept: Vec::new(),
        attributed: Some(dreamed),
    };
    let (asked, finished) = lab.finished(&roster, GATE, None);
    let policy = Policy::default();
    let conclusion = conclude(&asked, &finished, &policy).unwrap();
    let gate = gate(&finished, &conclusion, &policy, None).unwrap();
    (gate, conclusion)
}
