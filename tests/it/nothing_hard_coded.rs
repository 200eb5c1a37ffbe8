//! Names decide nothing, and what is learnt follows the world: renamed worlds give the same results under the new names,
//! and worlds with other remedies other learnings.

use std::collections::{BTreeMap, BTreeSet};

use dreameval::{
    domain::{memory::Store, suite::Suite, tool::Handbook, world::Quirk},
    draw::Key,
    promotion::verdict::Verdict,
    study::{
        conclusion::conclude,
        plan::{Amount, Roster},
    },
};
use serde_json::Value;

use crate::{
    bench_kit::{GATE, Lab, SUITES, battery, completed, fresh_seeds, in_world, suite, tell},
    dream_truth::{Share, Truth, is_met, statements, truths},
};

#[test]
fn renaming_everything_changes_nothing_but_the_names() {
    for name in SUITES {
        for seed in fresh_seeds(battery(1, 20)) {
            let plain = suite(name, Some(seed));
            let names = Renaming::of(&plain.world().unwrap().handbook, seed);
            let renamed: Suite =
                serde_json::from_value(names.renamed(serde_json::to_value(&plain).unwrap()))
                    .unwrap();
            assert_ne!(plain.world(), renamed.world());
            let (here, there) = (results(plain), results(renamed));
            let translated: Vec<(String, Option<Verdict>)> = here
                .learnings
                .iter()
                .map(|(text, verdict)| (names.text(text), *verdict))
                .collect();
            assert_eq!(translated, there.learnings, "{name}, world {seed}");
            assert_eq!(here.completed, there.completed, "{name}, world {seed}");
        }
    }
}

/// What must not depend on names.
struct Results {
    /// By trial, arms interleaved in plan order.
    completed: Vec<Option<bool>>,
    /// Text and verdict of each learning, in store order.
    learnings: Vec<(String, Option<Verdict>)>,
}

/// Practice, dream, every arm and the attribution of a run; then the verdicts.
fn results(suite: Suite) -> Results {
    let mut lab = Lab::new(suite, 1);
    let (_, dream) = lab.dream();
    let bare = lab.arm("bare", &Store::default());
    let dreamed = lab.arm("dreamed", &dream.store);
    let placebo = lab.placebo_of(dreamed);
    let placebo = lab.arm("placebo", &placebo);
    let roster = Roster {
        replayed: vec![bare, 0, dreamed, placebo],
        swept: Vec::new(),
        attributed: Some(dreamed),
    };
    let amount = Amount {
        repeats: 1,
        pairs: 300,
        sweeps: true,
        ..GATE
    };
    let (asked, finished) = lab.finished(&roster, amount, Some(dream));
    let completed = completed(&finished.records);
    let conclusion = conclude(&asked, &finished, &Default::default()).unwrap();
    let verdict_of = |id: &str| {
        conclusion
            .verdicts
            .learnings
            .iter()
            .find(|it| it.id == id)
            .map(|it| it.verdict)
    };
    let learnings = finished.bench.arms[usize::from(dreamed)]
        .learnings
        .iter()
        .map(|it| (it.text.clone(), verdict_of(it.id.as_str())))
        .collect();
    Results {
        completed,
        learnings,
    }
}

/// Fresh one-word names for every tool, argument, attribute and value.
struct Renaming(BTreeMap<String, String>);

impl Renaming {
    fn of(book: &Handbook, seed: u64) -> Self {
        let tools = book.tools.iter().flat_map(|tool| {
            let arguments = tool.arguments.iter();
            let inner = arguments.flat_map(|it| std::iter::once(&it.name).chain(&it.values));
            std::iter::once(&tool.name).chain(inner)
        });
        let attributes = book
            .attributes
            .iter()
            .flat_map(|it| std::iter::once(&it.name).chain(&it.values));
        let words: BTreeSet<String> = tools
            .chain(attributes)
            .map(|it| it.to_lowercase())
            .collect();
        let order = Key::root(seed).word("names").permutation(words.len());
        Self(
            words
                .into_iter()
                .zip(order)
                .map(|(word, at)| (word, format!("zq{at}k")))
                .collect(),
        )
    }

    /// Every string renamed, except those that name a task, a file, a quirk or a choice of the format.
    fn renamed(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|it| self.renamed(it)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, it)| {
                    let is_kept = [
                        "id",
                        "family",
                        "split",
                        "visibility",
                        "path",
                        "digests",
                        "role",
                    ]
                    .contains(&key.as_str());
                    let it = if is_kept { it } else { self.renamed(it) };
                    (key, it)
                })
                .collect(),
            other => other,
        }
    }

    /// A text with every whole word renamed; a hyphen is part of a word.
    fn text(&self, text: &str) -> String {
        let is_part = |it: char| it.is_alphanumeric() || it == '-' || it == '_';
        let mut renamed = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            renamed.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
            let word = &rest[..end];
            renamed.push_str(
                self.0
                    .get(&word.to_lowercase())
                    .map_or(word, String::as_str),
            );
            rest = &rest[end..];
        }
        renamed + rest
    }
}

/// The suite's store follows too: it is drawn from the world.
#[test]
fn learnings_follow_when_the_remedies_change() {
    let mut follow = Share::default();
    for name in SUITES {
        for seed in fresh_seeds(battery(1, 20)) {
            let before = suite(name, Some(seed));
            let world = before
                .world()
                .unwrap()
                .remedied_anew(Key::root(seed).word("anew"));
            let after = in_world(&before, world);
            for (old, new) in found(before).iter().zip(found(after)) {
                let is_recalled = old.is_stated && new.is_met;
                if is_recalled && old.truth.advice != new.truth.advice {
                    follow.count(new.is_stated);
                }
            }
        }
    }
    tell(&format!(
        "recalled learnings whose remedy changed, where practice met it again: {follow:?} follow"
    ));
    assert!(0 < follow.all);
    assert!(90.0 <= follow.percent(), "{follow:?}");
}

/// What practice and a dream made of one quirk.
struct Answer {
    truth: Truth,
    is_met: bool,
    is_stated: bool,
}

fn found(suite: Suite) -> Vec<Answer> {
    let mut lab = Lab::new(suite, 1);
    let (sessions, dream) = lab.dream();
    let world = lab.world();
    let stated = statements(&dream.store, &world);
    let answer = |(quirk, truth): (&Quirk, Truth)| Answer {
        is_met: is_met(quirk, &world, &sessions),
        is_stated: stated.iter().any(|it| it.says(&truth)),
        truth,
    };
    world
        .quirks
        .iter()
        .zip(truths(&world))
        .map(answer)
        .collect()
}
