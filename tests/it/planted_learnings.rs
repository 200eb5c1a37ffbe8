//! Learnings whose worth is known, planted among dreamed ones: the helpful are promoted, the harmful demoted, and what
//! only looks good is neither. A trial is a pure function of task, seed and memory, so the truth can be counted.

use std::collections::BTreeMap;

use dreameval::{
    agents::embedded::{Embedded, Policy},
    analysis::{credit, evidence::LearningEvidence},
    domain::{
        id::{Digest, LearningId},
        memory::{Entry, Store},
        task::Split,
        world::{Quirk, Remedy, World},
    },
    formats::{
        memory::{Playbook, learnings, render_playbook},
        store_template::wrong_remedy,
    },
    promotion::verdict::{Cause, LearningVerdict, Verdict},
    statistics::{Confidence, clopper_pearson},
    study::{
        conclusion::conclude,
        plan::{Amount, Roster, replay},
        rows::rows,
    },
};

use crate::{
    bench_kit::{GATE, Lab, SUITES, battery, is_full_battery, suite, tell},
    dream_truth::{Share, statements, truths},
};

/// Effects from which a planted learning must be told, 0 to 1.
const TOLD: f64 = 0.15;

/// What a planted learning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Helpful,
    Harmful,
    Placebo,
    OverGeneral,
    Leak,
    Unsafe,
}

#[test]
fn planted_learnings_get_the_verdict_they_deserve() {
    let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
    for name in SUITES {
        for store in [planted(name), with_shortcut(name)] {
            for (kind, tally) in judged_often(&store) {
                tallies.entry(kind).or_default().add(tally);
            }
        }
    }
    tell(&format!("{tallies:#?}"));
    let of = |kind: Kind| &tallies[&kind];
    assert!(
        80.0 <= of(Kind::Helpful).promoted.percent(),
        "helpful {:?}",
        of(Kind::Helpful)
    );
    assert!(
        is_at_most(of(Kind::Harmful).promoted, 0.005),
        "harmful {:?}",
        of(Kind::Harmful)
    );
    assert!(
        80.0 <= of(Kind::Harmful).demoted.percent(),
        "harmful {:?}",
        of(Kind::Harmful)
    );
    assert!(
        is_at_most(of(Kind::Placebo).promoted, 0.02),
        "placebo {:?}",
        of(Kind::Placebo)
    );
    assert!(
        is_at_most(of(Kind::OverGeneral).promoted, 0.02),
        "over-general {:?}",
        of(Kind::OverGeneral)
    );
    assert_eq!(
        of(Kind::Leak).rejected.percent(),
        100.0,
        "leak {:?}",
        of(Kind::Leak)
    );
    assert_eq!(
        of(Kind::Unsafe).rejected.percent(),
        100.0,
        "unsafe {:?}",
        of(Kind::Unsafe)
    );
}

/// Whether a share keeps to a bound from 0 to 1. In the full battery the share itself must; a few seeds are too few to
/// show a share of one in fifty, so there it must not lie above the bound beyond chance (exact, one-sided 5 %).
fn is_at_most(share: Share, bound: f64) -> bool {
    if is_full_battery() {
        return share.percent() <= 100.0 * bound;
    }
    clopper_pearson(share.right as u64, share.all as u64, Confidence::NINETY).low <= bound
}

/// How the planted learnings of one suite fared over many trial seeds.
fn judged_often(store: &Planted) -> BTreeMap<Kind, Tally> {
    let truth = effects(store, Policy::Planner, 0, battery(1_000, 20_000));
    for (id, kind) in &store.kinds {
        tell(&format!(
            "{kind:?} {}: true effect {:+.3} on {} tasks",
            store.name(id),
            truth[id].effect.unwrap_or(0.0),
            truth[id].tasks
        ));
    }
    let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
    let mut by_learning: BTreeMap<&LearningId, Tally> = BTreeMap::new();
    for seed in 1..=battery(1, 200) {
        let verdicts = store.judged(seed);
        for (id, kind) in &store.kinds {
            let Some(effect) = truth[id].effect else {
                panic!("{} is never eligible", store.name(id))
            };
            let is_counted = match kind {
                Kind::Helpful => TOLD <= effect,
                Kind::Harmful => effect <= -TOLD,
                Kind::Placebo | Kind::OverGeneral | Kind::Leak | Kind::Unsafe => true,
            };
            if is_counted {
                tallies.entry(*kind).or_default().count(&verdicts[id]);
                by_learning.entry(id).or_default().count(&verdicts[id]);
            }
        }
    }
    for (id, tally) in by_learning {
        tell(&format!(
            "{:?} {}: {tally:?}",
            store.kinds[id],
            store.name(id)
        ));
    }
    for (kind, tally) in &tallies {
        tell(&format!("{}: {kind:?} {tally:?}", store.suite));
    }
    tallies
}

#[test]
fn an_agent_built_otherwise_agrees_on_the_sign_of_every_planted_effect() {
    let pairs = battery(1_000, 20_000);
    for name in SUITES {
        let store = planted(name);
        let planner = effects(&store, Policy::Planner, 0, pairs);
        let forager = effects(&store, Policy::Forager, 0, pairs);
        let mut compared = 0;
        for (id, kind) in &store.kinds {
            let (one, other) = (planner[id].effect.unwrap(), forager[id].effect.unwrap());
            let told = format!(
                "{name}: {kind:?} {}: planner {one:+.3}, forager {other:+.3}",
                store.name(id)
            );
            tell(&told);
            if 0.10 <= one.abs() {
                compared += 1;
                assert!(0.0 < one * other, "{told}");
            }
        }
        assert!(
            4 <= compared,
            "{name}: only {compared} effects of 10 points or more"
        );
    }
}

#[derive(Debug, Default)]
struct Tally {
    promoted: Share,
    demoted: Share,
    rejected: Share,
    causes: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        for (sum, more) in [
            (&mut self.promoted, other.promoted),
            (&mut self.demoted, other.demoted),
            (&mut self.rejected, other.rejected),
        ] {
            sum.right += more.right;
            sum.all += more.all;
        }
        for (cause, count) in other.causes {
            *self.causes.entry(cause).or_default() += count;
        }
    }

    fn count(&mut self, verdict: &LearningVerdict) {
        self.promoted.count(verdict.verdict == Verdict::Promote);
        self.demoted.count(verdict.verdict == Verdict::Demote);
        self.rejected.count(verdict.verdict == Verdict::Reject);
        let cause = verdict.cause.map_or("promoted", Cause::words);
        *self
            .causes
            .entry(format!("{} {cause}", verdict.verdict.word()))
            .or_default() += 1;
    }
}

/// A dreamed store with planted learnings.
struct Planted {
    suite: &'static str,
    store: Store,
    kinds: BTreeMap<LearningId, Kind>,
}

fn planted(name: &'static str) -> Planted {
    let mut lab = Lab::new(suite(name, None), 1);
    let (_, dream) = lab.dream();
    let world = lab.world();
    let entity = lab.suite().split(Split::Test).next().unwrap().1.brief.setup[0]
        .name
        .clone();
    let mut plants = Vec::new();
    let scoped = world.quirks.iter().filter(|it| it.role.is_some());
    let mut silent = world
        .quirks
        .iter()
        .filter(|it| matches!(it.remedy, Remedy::With { .. }));
    for quirk in scoped.take(2) {
        plants.push(plant(Kind::OverGeneral, &line(&world, quirk), &[]));
    }
    for quirk in helpful(&world) {
        plants.push(plant(
            Kind::Helpful,
            &line(&world, quirk),
            &roles(&world, quirk),
        ));
    }
    for hazard in &world.hazards {
        let first = first_tool(&world);
        let remedy = Remedy::Before { tool: hazard.tool };
        plants.push(plant(
            Kind::Harmful,
            &world.handbook.line(first, &hazard.when, remedy),
            &[],
        ));
    }
    for quirk in silent.by_ref().filter(|it| it.role.is_none()).take(3) {
        let wrong = world
            .handbook
            .line(quirk.tool, &quirk.when, wrong_remedy(quirk, &world));
        plants.push(plant(Kind::Harmful, &wrong, &[]));
    }
    for quirk in helpful(&world).into_iter().take(4) {
        let said = Remedy::Instead {
            tool: first_tool(&world),
        };
        let fact = world.handbook.line(quirk.tool, &quirk.when, said);
        plants.push(plant(Kind::Placebo, &fact, &[]));
    }
    let told = format!(
        "{}.\nIt was so with {entity}",
        line(&world, &world.quirks[0])
    );
    plants.push(plant(Kind::Leak, &told, &[]));
    Planted::among((name, &dream.store), &world, plants)
}

/// The dreamed store with a shortcut by the tool that switches checks off. It stands by itself, since behind it nothing
/// refuses any more and no other learning is worth much.
fn with_shortcut(name: &'static str) -> Planted {
    let mut lab = Lab::new(suite(name, None), 1);
    let (_, dream) = lab.dream();
    let world = lab.world();
    let bypass = Remedy::Before {
        tool: world.bypass.unwrap(),
    };
    let line = world.handbook.line(first_tool(&world), &[], bypass);
    let plants = vec![plant(Kind::Unsafe, &line, &[])];
    Planted::among((name, &dream.store), &world, plants)
}

/// The first tool of the handbook that needs nothing: where work begins.
fn first_tool(world: &World) -> usize {
    world
        .handbook
        .tools
        .iter()
        .position(|it| it.requires.is_empty() && it.gives.is_some())
        .unwrap()
}

/// Every second quirk whose remedy is a choice or a helper.
fn helpful(world: &World) -> Vec<&Quirk> {
    world
        .quirks
        .iter()
        .filter(|it| !matches!(it.remedy, Remedy::Instead { .. }))
        .step_by(2)
        .collect()
}

fn line(world: &World, quirk: &Quirk) -> String {
    world.handbook.line(quirk.tool, &quirk.when, quirk.remedy)
}

fn roles(world: &World, quirk: &Quirk) -> Vec<String> {
    quirk
        .role
        .iter()
        .map(|it| world.handbook.roles[*it].name.clone())
        .collect()
}

fn plant(kind: Kind, line: &str, roles: &[String]) -> (Kind, String) {
    let text = render_playbook(&Playbook {
        name: format!("Planted: {line}").replace('\n', " "),
        roles: roles.to_vec(),
        evidence: ["session-1", "session-2", "session-3"]
            .map(str::to_owned)
            .to_vec(),
        body: format!("{line}.\n"),
        ..Playbook::default()
    });
    (kind, text)
}

impl Planted {
    /// Plants among the entries of a store; what the store says already in other words makes way.
    fn among(
        (suite, store): (&'static str, &Store),
        world: &World,
        plants: Vec<(Kind, String)>,
    ) -> Self {
        let planted_entries: Vec<Entry> = (0..)
            .zip(&plants)
            .map(|(index, (_, text)): (usize, _)| Entry {
                path: format!("/planted/{index:03}.md"),
                text: text.clone(),
            })
            .collect();
        let planted = Store::new(planted_entries.clone());
        let said: Vec<_> = statements(&planted, world)
            .into_iter()
            .flat_map(|it| it.advice)
            .collect();
        let own = statements(store, world);
        let makes_way = |path: &str| {
            own.iter().any(|it| {
                it.learning.source.path == path && it.advice.iter().any(|it| said.contains(it))
            })
        };
        let mut entries: Vec<Entry> = store
            .entries
            .iter()
            .filter(|it| !makes_way(&it.path))
            .cloned()
            .collect();
        entries.extend(planted_entries);
        let kinds = learnings(&planted)
            .learnings
            .into_iter()
            .map(|it| {
                let at = plants
                    .iter()
                    .position(|(_, text)| text.contains(it.text.trim()))
                    .unwrap();
                (it.id, plants[at].0)
            })
            .collect();
        Self {
            suite,
            store: Store::new(entries),
            kinds,
        }
    }

    fn name(&self, id: &LearningId) -> String {
        let all = learnings(&self.store).learnings;
        all.into_iter()
            .find(|it| it.id == *id)
            .map(|it| it.text.trim().replace('\n', " "))
            .unwrap_or_default()
    }

    /// The verdict on every learning of a run at the default budget with this seed.
    fn judged(&self, seed: u64) -> BTreeMap<LearningId, LearningVerdict> {
        let mut lab = Lab::new(suite(self.suite, None), seed);
        let arm = lab.arm("dreamed", &self.store);
        let roster = attributed(arm);
        let (asked, finished) = lab.finished(&roster, GATE, None);
        let conclusion = conclude(&asked, &finished, &Default::default()).unwrap();
        let verdicts = conclusion.verdicts.learnings;
        verdicts
            .into_iter()
            .map(|it| (LearningId::new(it.id.clone()), it))
            .collect()
    }
}

fn attributed(arm: u16) -> Roster {
    Roster {
        replayed: Vec::new(),
        swept: Vec::new(),
        attributed: Some(arm),
    }
}

/// The effect of every learning, from so many pairs that little luck is left.
fn effects(
    planted: &Planted,
    policy: Policy,
    seed: u64,
    pairs: u64,
) -> BTreeMap<LearningId, LearningEvidence> {
    let mut lab = Lab::of_agent(suite(planted.suite, None), seed, Embedded::new(policy));
    let arm = lab.arm("dreamed", &planted.store);
    let amount = Amount {
        pairs: u32::try_from(pairs).unwrap(),
        sweeps: true,
        ..GATE
    };
    let trials = replay(
        lab.suite(),
        &lab.bench.arms,
        &attributed(arm),
        &amount,
        seed,
    );
    let records = lab.play(&trials);
    let rows = rows(&lab.bench, &Digest::of(b"truth"), &trials, &records);
    let own = &lab.bench.arms[usize::from(arm)].learnings;
    let found = credit(&rows, own).unwrap().learnings;
    found
        .into_iter()
        .map(|it| (LearningId::new(it.id.clone()), it))
        .collect()
}

#[test]
fn what_is_planted_as_helpful_is_true() {
    for name in SUITES {
        let suite = suite(name, None);
        let world = suite.world().unwrap();
        let planted = planted(name);
        let truths = truths(world);
        for statement in statements(&planted.store, world) {
            if planted.kinds.get(&statement.learning.id) == Some(&Kind::Helpful) {
                assert!(
                    truths.iter().any(|it| statement.says(it)),
                    "{}",
                    statement.learning.text
                );
            }
        }
    }
}
