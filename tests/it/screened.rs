//! The screen, planted: for every rule stores that must be stopped and stores that only look like them.

use std::collections::{BTreeMap, BTreeSet};

use dreameval::{
    analysis::evidence::LearningEvidence,
    domain::{
        id::TaskId,
        memory::{Learning, Store},
        suite::Suite,
    },
    draw::Key,
    formats::memory::learnings,
    promotion::{
        learning::decide,
        policy::Policy,
        screen::{Finding, HeldOut, Of, RULES, ScreenContext, Severity, Voices, screen},
        verdict::{Cause, Verdict},
    },
    study::conclusion::{citable, context, findings, objections},
};

use crate::{
    bench_kit::{GATE, Lab, SUITES, mutations, store_of, suite},
    mutations::mutated,
    plants::plants,
};

/// A planted store, in the world of the legal desk.
struct Planted {
    suite: Suite,
    store: Store,
    learnings: Vec<Learning>,
}

impl Planted {
    fn of(text: &str) -> Self {
        let store = store_of(text.split('\u{c}'));
        Self {
            suite: suite("legal-desk", None),
            learnings: learnings(&store).learnings,
            store,
        }
    }

    fn context(&self) -> ScreenContext<'_> {
        let task = TaskId::new("redline-017");
        let handbook = self.suite.world().map(|it| &it.handbook);
        ScreenContext {
            held_out: vec![
                HeldOut::of(&task, Of::Name, "redline-017"),
                HeldOut::of(&task, Of::Answer, "Net Total 4,210"),
                HeldOut::of(&task, Of::Entity, "nda-v3.wpd"),
            ],
            handbook,
            sessions: Some(["s-1".to_owned(), "s-2".to_owned()].into()),
            voices: Voices::of(&self.learnings, handbook),
            ..ScreenContext::of(&self.store)
        }
    }

    /// What is found in the last learning.
    fn findings(&self) -> Vec<Finding> {
        let last = self.learnings.last().expect("a planted learning");
        screen(last, &self.context())
    }

    /// What becomes of the last learning though its gain is beyond doubt.
    fn verdict(&self) -> (Verdict, Option<Cause>) {
        let last = self.learnings.last().expect("a planted learning");
        let objections = objections(&self.findings());
        let verdict = decide(&overwhelming(last), &Policy::default(), &objections, None);
        (verdict.verdict, verdict.cause)
    }
}

/// A gain of 60 points on 80 tasks.
fn overwhelming(learning: &Learning) -> LearningEvidence {
    LearningEvidence {
        canary: None,
        id: learning.id.to_string(),
        name: learning.name.clone(),
        kind: "note".into(),
        verdict: String::new(),
        reasons: vec![],
        effect: Some(0.6),
        se: Some(0.02),
        interval: Some([0.56, 0.64]),
        lower_bound: Some(0.57),
        upper_bound: Some(0.63),
        p: Some(1e-9),
        p_harm: Some(1.0),
        p_adjusted: Some(1e-9),
        p_harm_adjusted: Some(1.0),
        pairs: 2000,
        tasks: 80,
        by_role: vec![],
        violations_effect: Some(0.0),
        violations_p: Some(0.5),
        violations_p_adjusted: Some(0.5),
        surfaced_rate: Some(1.0),
        followed_rate: Some(1.0),
        helped_tasks: vec![],
        harmed_tasks: vec![],
        words: 9,
        text: learning.text.clone(),
        source: learning.source.path.clone(),
        roles: vec![],
        findings: vec![],
    }
}

#[test]
fn every_rule_but_integrity_is_planted_twice_each_way() {
    let planted: BTreeMap<&str, (usize, usize)> = plants()
        .iter()
        .map(|it| (it.rule, (it.positives.len(), it.near_misses.len())))
        .collect();
    let thin: Vec<&str> = RULES
        .iter()
        .map(|it| it.id)
        .filter(|it| *it != "integrity")
        .filter(|it| planted.get(it).is_none_or(|it| it.0 < 2 || it.1 < 2))
        .collect();
    assert_eq!(thin, [""; 0]);
}

#[test]
fn every_planted_positive_is_found() {
    let mut missed = Vec::new();
    for plant in plants() {
        for text in plant.positives {
            if Planted::of(&text)
                .findings()
                .iter()
                .all(|it| it.id != plant.rule)
            {
                missed.push(format!("{}: {text}", plant.rule));
            }
        }
    }
    assert_eq!(missed, [""; 0]);
}

#[test]
fn no_near_miss_is_found() {
    let mut found = Vec::new();
    for plant in plants() {
        for text in plant.near_misses {
            if let Some(it) = Planted::of(&text)
                .findings()
                .iter()
                .find(|it| it.id == plant.rule)
            {
                found.push(format!("{}: {text}: {}", plant.rule, it.says));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_evidence_promotes_what_the_screen_stops() {
    let mut wrong = Vec::new();
    for plant in plants() {
        for text in &plant.positives {
            let planted = Planted::of(text);
            let heaviest = planted.findings().iter().map(|it| it.severity).max();
            let verdict = planted.verdict();
            let is_right = match heaviest {
                Some(Severity::Hard) => {
                    matches!(
                        verdict,
                        (Verdict::Reject, Some(Cause::Screen | Cause::Leak))
                    )
                }
                Some(Severity::Review) => verdict == (Verdict::Hold, Some(Cause::NeedsReview)),
                Some(Severity::Note) | None => verdict == (Verdict::Promote, None),
            };
            if !is_right {
                wrong.push(format!("{}: {text}: {verdict:?}", plant.rule));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn findings_weigh_what_their_rule_says() {
    let by_id: BTreeMap<&str, Severity> = RULES.iter().map(|it| (it.id, it.severity)).collect();
    for plant in plants().iter().filter(|it| it.rule != "size") {
        for text in &plant.positives {
            for finding in Planted::of(text).findings() {
                assert_eq!(Some(&finding.severity), by_id.get(finding.id), "{text}");
            }
        }
    }
}

#[test]
fn a_text_that_changed_since_it_was_evaluated_is_rejected_and_a_moved_one_is_not() {
    for changed in ["- convert twice\n", "- Convert first\n"] {
        let mut planted = Planted::of("- convert first\n");
        planted.store = store_of([changed]);
        assert_eq!(planted.findings()[0].id, "integrity");
        assert_eq!(planted.verdict(), (Verdict::Reject, Some(Cause::Screen)));
    }
    for moved in ["- convert first\n- then print\n", "\n- convert first\n"] {
        let planted = Planted::of(moved);
        assert!(planted.findings().iter().all(|it| it.id != "integrity"));
    }
}

#[test]
fn no_finding_repeats_a_secret() {
    for plant in plants() {
        let is_private = ["secret", "personal-data", "leak"].contains(&plant.rule);
        for text in plant.positives.iter().filter(|_| is_private) {
            let told = text.trim_start_matches("- ").trim();
            for finding in Planted::of(text).findings() {
                let words = told.split(' ').filter(|it| 4 < it.len());
                let repeated: Vec<&str> = words
                    .filter(|it| it.bytes().any(|it| it.is_ascii_digit() || it == b'@'))
                    .filter(|it| finding.id != "leak" && finding.says.contains(it))
                    .collect();
                assert_eq!(repeated, [""; 0], "{}", finding.says);
            }
        }
    }
}

#[test]
fn nothing_the_shipped_suites_keep_or_dream_is_stopped() {
    for name in SUITES {
        let mut lab = Lab::new(suite(name, None), 1);
        let (sessions, dream) = lab.dream();
        let known = citable(lab.suite(), &GATE, 1);
        let read: BTreeSet<String> = sessions.into_iter().map(|it| it.start.session).collect();
        assert!(read.is_subset(&known), "{name}");
        let memory = lab.suite().memory.clone();
        for store in [dream.store, memory] {
            let arm = lab.arm("judged", &store);
            let arm = &lab.bench.arms[usize::from(arm)];
            let context = context(lab.suite(), arm, Some(known.clone()));
            let stopped: Vec<Finding> = findings(arm, &context)
                .into_iter()
                .filter(|it| it.severity != Severity::Note)
                .collect();
            assert_eq!(stopped, [], "{name}");
        }
    }
}

#[test]
fn mutated_stores_never_break_the_screen() {
    let positives: Vec<String> = plants()
        .into_iter()
        .flat_map(|it| it.positives)
        .filter(|it| it.len() < 5_000)
        .collect();
    let mut planted = Planted::of("- x\n");
    for number in 0..mutations() {
        let key = Key::root(41).number(number);
        let whole = &positives[key.below(9, positives.len())];
        let text = String::from_utf8_lossy(&mutated(whole.as_bytes(), key)).into_owned();
        planted.store = store_of(text.split('\u{c}'));
        planted.learnings = learnings(&planted.store).learnings;
        let context = planted.context();
        for learning in &planted.learnings {
            for finding in screen(learning, &context) {
                assert!(0 < finding.line && 0 < finding.column, "{text}");
            }
        }
    }
}
