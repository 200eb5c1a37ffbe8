//! Many nights of `cycle`, in a world that changes on one of them.

use std::{fs, path::Path, process::Child, thread::yield_now};

use dreameval::{
    domain::memory::Store,
    dreaming::controls::Control,
    files::{self, TemporaryFolder, copy_tree},
    formats::memory::read_store,
    promotion::ledger::{
        Custody, Entry, Ledger, Moment,
        entry::{Done, NightEnd},
    },
};

use crate::{
    bench_kit::{Lab, battery, is_full_battery, suite, tell},
    program::{command, repository, say},
};

/// The world the nights wake up in once it has changed.
const CHANGED: &str = "4242";

fn arguments(changed: bool) -> Vec<String> {
    let suite = repository()
        .join("scenarios/legal-desk")
        .display()
        .to_string();
    let mut words = ["cycle", &suite, "--store", "live", "-q"]
        .map(str::to_owned)
        .to_vec();
    if changed {
        words.extend(["--world-seed", CHANGED].map(str::to_owned));
    }
    words
}

fn ended(folder: &Path) -> Vec<NightEnd> {
    let ledger = Ledger::read(&folder.join("live.ledger.jsonl")).unwrap();
    ledger
        .entries()
        .filter_map(|it| match it {
            Entry::Night(night) => night.ended.clone(),
            _ => None,
        })
        .collect()
}

/// Completion of the store in force at the start of some nights, 0 to 1.
fn completion(nights: &[NightEnd]) -> f64 {
    let rate = |it: &NightEnd| {
        let [completed, trials] = it.rates["stored"];
        f64::from(completed) / f64::from(trials)
    };
    nights.iter().map(rate).sum::<f64>() / nights.len() as f64
}

#[test]
fn nights_recover_from_a_world_that_changes_and_each_can_be_undone() {
    let (nights, change) = match is_full_battery() {
        true => (30, 15),
        false => (7, 4),
    };
    let folder = TemporaryFolder::create("nights").unwrap();
    for night in 1..=nights {
        let said = say(folder.path(), arguments(change <= night));
        assert_eq!(
            said.code,
            Some(0),
            "night {night}: {}\n{}",
            said.answer,
            said.talk
        );
    }
    let ends = ended(folder.path());
    assert_eq!(ends.len(), nights);
    let before = completion(&ends[change - 3..change - 1]);
    let (fell, after) = (
        completion(&ends[change - 1..change]),
        completion(&ends[nights - 2..]),
    );
    tell(&format!(
        "the store in force completed {before:.3} before the change, {fell:.3} on it, {after:.3} in the end"
    ));
    assert!(fell < before - 0.2, "{before} {fell}");
    assert!(before - 0.05 <= after, "{before} {fell} {after}");
    let custody = Custody::of(&folder.path().join("live")).unwrap();
    let ledger = custody.verify(None).unwrap();
    assert!(1 <= demoted(&ledger), "nothing stale was demoted");
    let page = fs::read_to_string(folder.path().join("live.nights.html")).unwrap();
    assert!(page.contains("Completion night by night"));
    undo_all(folder.path(), &ledger);
}

/// Learnings that left the store in force as harmful.
fn demoted(ledger: &Ledger) -> usize {
    let steps = ledger.entries().filter_map(|it| match it {
        Entry::Promotion { steps, .. } => Some(steps),
        _ => None,
    });
    steps
        .flatten()
        .filter(|it| it.done == Done::Left && it.because.starts_with("demote: effect −"))
        .count()
}

/// Undoes night after night, each to the store it began with.
fn undo_all(folder: &Path, ledger: &Ledger) {
    let befores: Vec<_> = ledger
        .entries()
        .filter_map(|it| match it {
            Entry::Promotion { from, .. } => Some(*from),
            _ => None,
        })
        .collect();
    for before in befores.iter().rev() {
        let said = say(folder, ["promote", "--undo", "--to", "live", "--by", "ann"]);
        assert_eq!(said.code, Some(0), "{}", said.talk);
        assert_eq!(read_store(&folder.join("live")).unwrap().digest(), *before);
        let said = say(folder, ["ledger", "verify", "live"]);
        assert_eq!(said.code, Some(0), "{}", said.talk);
    }
}

#[test]
fn a_night_killed_at_any_instant_leaves_the_old_store_or_the_new_and_goes_on() {
    let folder = TemporaryFolder::create("killed-nights").unwrap();
    let said = say(folder.path(), arguments(false));
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let whole = folder.path().join("whole");
    let (start, alone) = (folder.path().join("start"), whole.clone());
    copy_state(folder.path(), &start);
    copy_state(&start, &alone);
    let said = say(&alone, arguments(true));
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let store = |place: &Path| read_store(&place.join("live")).unwrap().digest();
    let (old, new) = (store(&start), store(&alone));
    assert_ne!(old, new);
    let length = |place: &Path| fs::metadata(place.join("live.ledger.jsonl")).unwrap().len();
    let (from, to) = (length(&start), length(&alone));
    let kills = battery(2, 24);
    let mut seen = [0, 0];
    for number in 0..kills {
        let place = folder.path().join(format!("kill-{number}"));
        copy_state(&start, &place);
        let child = command(&place, arguments(true)).spawn().unwrap();
        let reached = from + (to - from) * number / kills;
        let card = |place: &Path| fs::read(place.join("live.card.md")).unwrap_or_default();
        let old_card = card(&start);
        // Most die as the ledger grows; every fourth once the new store is in force.
        kill_when(child, || match number % 4 {
            3 => card(&place) != old_card,
            _ => reached < length(&place),
        });
        let left = store(&place);
        assert!(left == old || left == new, "kill {number}");
        seen[usize::from(left == new)] += 1;
        Ledger::open(&place.join("live.ledger.jsonl")).unwrap();
        if ended(&place).len() == 2 {
            // The kill came too late: this night had ended.
            assert_eq!(left, new, "kill {number}");
            continue;
        }
        let said = say(&place, arguments(true));
        assert_eq!(
            said.code,
            Some(0),
            "kill {number}: {}\n{}",
            said.answer,
            said.talk
        );
        assert_eq!(store(&place), new, "kill {number}");
        assert_eq!(ended(&place).len(), 2, "kill {number}");
        let said = say(&place, ["ledger", "verify", "live"]);
        assert_eq!(said.code, Some(0), "kill {number}: {}", said.talk);
    }
    tell(&format!(
        "killed {kills} times: {} left the old store, {} the new",
        seen[0], seen[1]
    ));
}

fn copy_state(from: &Path, to: &Path) {
    for name in ["live", "live.history", "live.nights"] {
        copy_tree(&from.join(name), &to.join(name)).unwrap();
    }
    for name in ["live.ledger.jsonl", "live.card.md"] {
        files::write(&to.join(name), &fs::read(from.join(name)).unwrap()).unwrap();
    }
}

fn kill_when(mut child: Child, is_time: impl Fn() -> bool) {
    while !is_time() && child.try_wait().unwrap().is_none() {
        yield_now();
    }
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_night_of_one_name_is_played_once() {
    let folder = TemporaryFolder::create("named-nights").unwrap();
    let mut words = arguments(false);
    words.extend(["--night", "2026-11-28", "--preset", "smoke"].map(str::to_owned));
    let first = say(folder.path(), &words);
    assert_eq!(first.code, Some(0), "{}", first.talk);
    let before = fs::read(folder.path().join("live.ledger.jsonl")).unwrap();
    let again = say(folder.path(), &words);
    assert_eq!(again.code, Some(0), "{}", again.talk);
    assert!(
        again.answer.starts_with("this night ended before: "),
        "{}",
        again.answer
    );
    assert_eq!(
        fs::read(folder.path().join("live.ledger.jsonl")).unwrap(),
        before
    );
}

#[test]
fn a_store_that_does_harm_is_put_back() {
    let folder = TemporaryFolder::create("harm-nights").unwrap();
    let mut lab = Lab::new(suite("legal-desk", None), 1);
    let (sessions, _) = lab.dream();
    let harmful = lab.dream_of(&Control::Shuffler, &sessions).store;
    let custody = Custody::of(&folder.path().join("live")).unwrap();
    let mut ledger = Ledger::open(&custody.ledger_path()).unwrap();
    let moment = Moment {
        at: "2026-01-01T00:00:00Z".to_owned(),
        clock: "test".to_owned(),
    };
    let entry = Entry::Promotion {
        run: harmful.digest(),
        from: Store::default().digest(),
        to: harmful.digest(),
        by: "somebody careless".to_owned(),
        steps: Vec::new(),
    };
    custody
        .replace((&Store::default(), &harmful), &mut ledger, entry, &moment)
        .unwrap();
    let said = say(folder.path(), arguments(false));
    assert_eq!(said.code, Some(1), "{}\n{}", said.answer, said.talk);
    assert!(
        said.answer.starts_with("night 001: rolled back"),
        "{}",
        said.answer
    );
    assert!(custody.in_force().unwrap().entries.is_empty());
    let shown = say(folder.path(), ["ledger", "show", "live"]).answer;
    assert!(
        shown.contains("the store in force did harm. It did worse than no memory"),
        "{shown}"
    );
    assert_eq!(
        say(folder.path(), ["ledger", "verify", "live"]).code,
        Some(0)
    );
}

#[test]
fn two_stores_never_share_a_night() {
    let folder = TemporaryFolder::create("two-stores").unwrap();
    let night = |suite: &str, store: &str| {
        let suite = repository()
            .join("scenarios")
            .join(suite)
            .display()
            .to_string();
        let words = [
            "cycle", &suite, "--store", store, "--runs", "runs", "--preset", "smoke", "-q",
        ];
        let said = say(folder.path(), words);
        assert_eq!(said.code, Some(0), "{}\n{}", said.answer, said.talk);
    };
    night("legal-desk", "one");
    night("operations", "two");
    let shown = say(folder.path(), ["ledger", "show", "two"]).answer;
    assert!(
        shown.contains(" of operations by ") && !shown.contains("legal-desk"),
        "{shown}"
    );
    let unnamed = say(
        folder.path(),
        ["cycle", "x", "--store", "one", "--night", " "],
    );
    assert_eq!(unnamed.code, Some(2), "{}", unnamed.talk);
}
