//! A made-up but realistic run, for tests: a dream that helps, with learnings of every verdict.

use std::collections::BTreeMap;

use crate::{
    analysis::evidence::{
        ArmSummary, Bounds, Comparison, DifferenceEvidence, Evidence, FamilyRate, GroupDifference,
        HeadlineUnder, LearningEvidence, PassPair, RateEvidence, RatioEvidence, RoleEffect,
        SweepPoint, TaskChange,
    },
    domain::{
        dream::{Action, Change, Dream, Pattern, PatternKind},
        id::Digest,
        memory::Store,
    },
    promotion::{
        dream::Question,
        policy::Policy,
        verdict::{Objection, Verdicts, decide},
    },
    report::{
        Inputs,
        inputs::{Criterion, RunInfo, TranscriptPair},
        page::Step,
    },
};

/// Everything a report is made from.
pub struct Fixture {
    /// See [`Inputs`].
    pub run: RunInfo,
    /// See [`Inputs`].
    pub evidence: Evidence,
    /// See [`Inputs`].
    pub verdicts: Verdicts,
    /// See [`Inputs`].
    pub dream: Option<Dream>,
    /// See [`Inputs`].
    pub criteria: Vec<Criterion>,
    /// See [`Inputs`].
    pub transcripts: Vec<TranscriptPair>,
    /// See [`Inputs`].
    pub not_understood: Vec<(String, usize, String)>,
}

impl Fixture {
    /// The inputs of its report.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            run: &self.run,
            evidence: &self.evidence,
            verdicts: &self.verdicts,
            dream: self.dream.as_ref(),
            criteria: &self.criteria,
            transcripts: &self.transcripts,
            not_understood: &self.not_understood,
        }
    }

    /// Decides again, after a test has changed the evidence.
    pub fn decided(mut self, question: &Question) -> Self {
        let policy = Policy::default();
        let objection = Objection {
            learning: "n-leak".into(),
            finding: "leaked-answer".into(),
            says: "line 1 holds the answer of task `redline-legacy-017`".into(),
            hard: true,
        };
        self.verdicts = decide(&self.evidence, &policy, question, &[objection]);
        self.verdicts.write_into(&mut self.evidence);
        self
    }
}

/// A run of a suite whose dream helps.
pub fn helpful() -> Fixture {
    let question = Question::of_dream(&Policy::default());
    let evidence = evidence();
    let verdicts = decide(&evidence, &Policy::default(), &question, &[]);
    let fixture = Fixture {
        run: run(),
        evidence,
        verdicts,
        dream: Some(dream()),
        criteria: vec![
            criterion("a redline was sent", 71, 164),
            criterion("the changes are shown", 66, 158),
            criterion("the original is intact", 196, 181),
        ],
        transcripts: vec![pair()],
        not_understood: vec![
            (
                "/notes/old.md".into(),
                14,
                "ask Jane about the macro thing???".into(),
            ),
            ("/notes/old.md".into(), 15, "TODO tidy".into()),
        ],
    };
    fixture.decided(&question)
}

/// A comparison of two arms of somebody else's results.
pub fn foreign() -> Fixture {
    let mut compared = comparison("none", 101.0, 0.216, 0.04);
    compared.candidate = "reflexion".into();
    (compared.tasks, compared.families) = (134, 134);
    compared.baseline_rate = rate(101.0, 134);
    compared.candidate_rate = rate(130.0, 134);
    let evidence = Evidence {
        format: 1,
        arms: vec![arm("none", 101.0, 0), arm("reflexion", 130.0, 0)],
        comparisons: vec![compared],
        ..Evidence::default()
    };
    let question = Question::of_arms("reflexion", &["none"]);
    let verdicts = decide(&evidence, &Policy::default(), &question, &[]);
    Fixture {
        run: RunInfo {
            title: "trials.csv".into(),
            reproduce: "dreameval compare trials.csv --baseline none --candidate reflexion".into(),
            ..RunInfo::default()
        },
        evidence,
        verdicts,
        dream: None,
        criteria: vec![],
        transcripts: vec![],
        not_understood: vec![],
    }
}

fn run() -> RunInfo {
    let digest = |text: &str| Digest::of(text.as_bytes()).short().to_owned();
    RunInfo {
        title: "legal-desk".into(),
        about: "Document work at a law firm, where file types and tools have quirks nobody wrote down.".into(),
        agent: "embedded".into(),
        agent_note: "The agent is the embedded one: this agent measures the harness; it does not stand in for a \
                     language model."
            .into(),
        dreamer: "embedded 1".into(),
        seed: Some(1),
        world_seed: Some(7),
        repeats: Some(3),
        steps: Some(30),
        fingerprint: digest("plan"),
        digests: vec![
            ("suite".into(), digest("suite")),
            ("stored memory".into(), digest("stored")),
            ("dreamed memory".into(), digest("dreamed")),
        ],
        versions: vec![("dreameval".into(), "0.1.0".into())],
        reproduce: "dreameval run scenarios/legal-desk --seed 1 --world-seed 7".into(),
        ..RunInfo::default()
    }
}

fn evidence() -> Evidence {
    let comparisons = vec![
        comparison("bare", 61.0, 0.453, 0.039),
        comparison("stored", 88.0, 0.317, 0.041),
        comparison("placebo", 58.0, 0.468, 0.04),
        Comparison {
            candidate: "placebo".into(),
            candidate_rate: rate(58.0, 201),
            ..comparison("bare", 61.0, -0.015, 0.012)
        },
        Comparison {
            candidate: "oracle".into(),
            candidate_rate: rate(177.0, 201),
            ..comparison("dreamed", 152.0, 0.124, 0.03)
        },
    ];
    Evidence {
        format: 1,
        arms: vec![
            arm("bare", 61.0, 9),
            arm("stored", 88.0, 11),
            arm("dreamed", 152.0, 7),
            arm("placebo", 58.0, 9),
            arm("oracle", 177.0, 5),
        ],
        comparisons,
        sweep: sweep(),
        learnings: learnings(),
        pairs: 1000,
        warnings: vec![
            "2 learnings stand on the same tasks; their effects are hard to tell apart.".into(),
        ],
    }
}

fn arm(name: &str, completed: f64, violations: u32) -> ArmSummary {
    let trials = if name == "none" || name == "reflexion" {
        134
    } else {
        201
    };
    let families = FAMILIES
        .iter()
        .map(|(family, role, bare, dreamed)| FamilyRate {
            family: (*family).into(),
            role: (*role).into(),
            completed: if name == "bare" { *bare } else { *dreamed },
            trials: 18,
        });
    ArmSummary {
        arm: name.into(),
        rate: rate(completed, trials),
        broken: 1,
        trials_with_violations: violations,
        violations,
        mean_steps: Some(21.4),
        mean_words_read: Some(if name == "bare" { 0.0 } else { 214.0 }),
        mean_eligible: Some(4.2),
        mean_surfaced: Some(4.1),
        mean_followed: Some(1.9),
        cost_usd: None,
        stops: BTreeMap::from([("finished".into(), 150), ("steps".into(), 51)]),
        families: families.collect(),
        learnings: 18,
        memory_digest: String::new(),
    }
}

const FAMILIES: [(&str, &str, f64, f64); 11] = [
    ("redline-legacy", "associate", 2.0, 17.0),
    ("redline-scan", "associate", 5.0, 16.0),
    ("bundle-exhibits", "paralegal", 6.0, 15.0),
    ("court-filing", "paralegal", 4.0, 18.0),
    ("nda-compare", "associate", 7.0, 14.0),
    ("signature-page", "associate", 9.0, 13.0),
    ("privilege-log", "paralegal", 3.0, 12.0),
    ("engagement-letter", "partner", 8.0, 15.0),
    ("conflict-check", "partner", 9.0, 8.0),
    ("time-entry", "partner", 5.0, 12.0),
    ("archive-matter", "paralegal", 3.0, 12.0),
];

fn rate(completed: f64, trials: u32) -> RateEvidence {
    let share = completed / f64::from(trials);
    RateEvidence {
        completed,
        trials,
        rate: Some(share),
        interval: Some([(share - 0.08).max(0.0), (share + 0.07).min(1.0)]),
    }
}

fn comparison(baseline: &str, completed: f64, estimate: f64, se: f64) -> Comparison {
    let interval = [estimate - 2.07 * se, estimate + 2.07 * se];
    let worse = |task: &str, family: &str, candidate: f64| TaskChange {
        task: task.into(),
        family: family.into(),
        baseline: 2.0 / 3.0,
        candidate,
    };
    Comparison {
        baseline: baseline.into(),
        candidate: "dreamed".into(),
        outcome: "completed".into(),
        tasks: 67,
        families: 11,
        excluded_tasks: vec![],
        baseline_rate: rate(completed, 201),
        candidate_rate: rate(152.0, 201),
        difference: DifferenceEvidence {
            estimate: Some(estimate),
            se: Some(se),
            df: Some(9.4),
            interval: Some(interval),
            p: Some(if estimate.abs() < 2.0 * se {
                0.24
            } else {
                0.000_02
            }),
            method: "cr2".into(),
            se_cr1: Some(0.9 * se),
            se_task: Some(0.8 * se),
            interval_task: None,
        },
        ratio: Some(RatioEvidence {
            estimate: 152.0 / completed,
            interval: Some([0.8 * 152.0 / completed, 1.25 * 152.0 / completed]),
            method: "log-cr2".into(),
        }),
        mcnemar: None,
        sign_flip_p: Some(0.001),
        sign_flip_exact: true,
        improved: 48,
        regressed: 3,
        tied: 16,
        improved_tasks: vec![],
        regressed_tasks: vec![
            worse("conflict-check-004", "conflict-check", 0.0),
            worse("conflict-check-011", "conflict-check", 1.0 / 3.0),
            worse("signature-page-002", "signature-page", 1.0 / 3.0),
        ],
        by_family: FAMILIES
            .iter()
            .map(|it| group(it.0, it.2 / 18.0, it.3 / 18.0))
            .collect(),
        by_role: vec![
            group("associate", 0.32, 0.83),
            group("paralegal", 0.22, 0.79),
            group("partner", 0.41, 0.65),
        ],
        pass_at_k: BTreeMap::from([(1, pass(0.3, 0.76)), (3, pass(0.55, 0.9))]),
        pass_hat_k: BTreeMap::from([(1, pass(0.3, 0.76)), (3, pass(0.12, 0.58))]),
        missingness: [
            "exclude-task",
            "broken-fails",
            "worst-case",
            "best-case",
            "limit-excluded",
        ]
        .into_iter()
        .map(|way| (way.to_owned(), Some(under(estimate, interval))))
        .collect(),
        smallest_visible: Some(0.109),
        warnings: vec![],
    }
}

fn pass(baseline: f64, candidate: f64) -> PassPair {
    PassPair {
        baseline,
        candidate,
    }
}

fn under(estimate: f64, interval: Bounds) -> HeadlineUnder {
    HeadlineUnder {
        tasks: 67,
        estimate,
        interval: Some(interval),
    }
}

fn group(name: &str, baseline: f64, candidate: f64) -> GroupDifference {
    let estimate = candidate - baseline;
    GroupDifference {
        group: name.into(),
        tasks: 6,
        estimate,
        interval: Some([estimate - 0.2, estimate + 0.2]),
        baseline,
        candidate,
    }
}

fn sweep() -> Vec<SweepPoint> {
    let point = |arm: &str, steps: u32, completed: f64| SweepPoint {
        arm: arm.into(),
        steps,
        rate: RateEvidence {
            trials: 67,
            ..rate(completed, 67)
        },
        from_bare: (arm != "bare").then(|| under(0.3, [0.2, 0.4])),
    };
    let rows = [
        (15, 3.0, 29.0, 2.0),
        (20, 9.0, 40.0, 8.0),
        (30, 20.0, 51.0, 19.0),
        (45, 41.0, 59.0, 40.0),
    ];
    rows.iter()
        .flat_map(|(steps, bare, dreamed, placebo)| {
            [("bare", bare), ("dreamed", dreamed), ("placebo", placebo)]
                .map(|it| point(it.0, *steps, *it.1))
        })
        .collect()
}

fn learnings() -> Vec<LearningEvidence> {
    let mut all = vec![
        learning(
            "p-docx",
            "Save a legacy .wpd as .docx before comparing",
            0.31,
            0.04,
        ),
        learning("p-ocr", "Run text recognition on a scan first", 0.24, 0.04),
        learning(
            "p-flatten",
            "Flatten form fields before merging exhibits",
            0.19,
            0.04,
        ),
        learning(
            "p-bates",
            "Number exhibits after the bundle is final",
            0.14,
            0.03,
        ),
        learning("n-court", "The court portal wants PDF/A-1b", 0.12, 0.03),
        learning("p-fonts", "Embed fonts before filing", 0.11, 0.03),
        learning(
            "n-meta",
            "Scrub metadata of anything that leaves the firm",
            0.09,
            0.02,
        ),
        learning(
            "n-names",
            "Client names are written surname first",
            0.05,
            0.04,
        ),
        learning("p-stamp", "Stamp drafts before circulation", 0.03, 0.03),
        learning("n-tea", "The print room closes at six", 0.001, 0.01),
        learning(
            "n-open",
            "Opening a document shows its contents",
            -0.004,
            0.01,
        ),
        learning("n-export", "Export writes a copy", -0.002, 0.01),
        learning(
            "n-dup",
            "Remember to compare versions carefully",
            0.004,
            0.012,
        ),
        learning("p-rare", "Redact minors’ names in family matters", 0.2, 0.2),
        learning("p-scope", "Always convert to PDF before sending", 0.1, 0.02),
        learning(
            "p-lock",
            "Unlock every document before comparing",
            -0.13,
            0.03,
        ),
        learning(
            "p-skip",
            "Skip the second signature when in a hurry",
            0.16,
            0.03,
        ),
        learning(
            "n-leak",
            "The answer to the NDA task is clause 14",
            0.2,
            0.03,
        ),
    ];
    (all[13].pairs, all[13].tasks) = (9, 2);
    all[14].by_role = vec![role("associate", 0.2, 0.3), role("partner", -0.16, -0.07)];
    all[16].violations_effect = Some(0.41);
    all[16].violations_p = Some(0.000_001);
    all
}

fn role(role: &str, effect: f64, upper_bound: f64) -> RoleEffect {
    RoleEffect {
        role: role.into(),
        pairs: 88,
        effect,
        se: Some(0.05),
        upper_bound: Some(upper_bound),
    }
}

/// A learning with this effect; p-values as rough as the tests need.
fn learning(id: &str, name: &str, effect: f64, se: f64) -> LearningEvidence {
    let sure = |is_sure: bool| Some(if is_sure { 0.001 } else { 0.4 });
    LearningEvidence {
        id: id.into(),
        name: name.into(),
        kind: if id.starts_with('p') {
            "playbook"
        } else {
            "note"
        }
        .into(),
        verdict: String::new(),
        reasons: vec![],
        effect: Some(effect),
        se: Some(se),
        interval: Some([effect - 2.0 * se, effect + 2.0 * se]),
        lower_bound: Some(effect - 1.69 * se),
        upper_bound: Some(effect + 1.69 * se),
        p: sure(2.0 * se < effect),
        p_harm: sure(effect < -2.0 * se),
        p_adjusted: sure(2.0 * se < effect),
        p_harm_adjusted: sure(effect < -2.0 * se),
        pairs: 400,
        tasks: 34,
        by_role: vec![],
        violations_effect: Some(0.0),
        violations_p: Some(0.5),
        surfaced_rate: Some(0.98),
        followed_rate: Some(if effect.abs() < 0.01 { 0.0 } else { 0.83 }),
        helped_tasks: if 0.05 < effect {
            TASKS.map(str::to_owned).into()
        } else {
            vec![]
        },
        harmed_tasks: if effect < 0.0 {
            vec!["conflict-check-004".into()]
        } else {
            vec![]
        },
        words: 21,
        text: format!("When the file is a legacy one, {}.", name.to_lowercase()),
        source: format!("/playbooks/{id}.md:3"),
        roles: vec![],
        findings: vec![],
    }
}

const TASKS: [&str; 4] = [
    "redline-legacy-017",
    "redline-legacy-003",
    "redline-scan-008",
    "court-filing-002",
];

fn criterion(name: &str, baseline: u32, candidate: u32) -> Criterion {
    Criterion {
        name: name.into(),
        baseline: (baseline, 201),
        candidate: (candidate, 201),
    }
}

fn dream() -> Dream {
    let store = Digest::of(b"store");
    let pattern = |kind, what: &str, sessions, answered_by: Option<&str>| Pattern {
        kind,
        what: what.into(),
        roles: vec!["associate".into(), "paralegal".into()],
        sessions,
        tasks: sessions / 2,
        answered_by: answered_by.map(str::to_owned),
    };
    let change = |action, name: &str, why: &str| Change {
        action,
        name: name.into(),
        path: "/playbooks/redline.md".into(),
        why: why.into(),
    };
    Dream {
        dreamer: "embedded 1".into(),
        store: Store::default(),
        changes: vec![
            change(
                Action::Added,
                "Save a legacy .wpd as .docx before comparing",
                "worked in 14 of 15 sessions",
            ),
            change(
                Action::Kept,
                "The print room closes at six",
                "nothing in the sessions speaks against it",
            ),
            change(
                Action::Superseded,
                "Compare .wpd directly",
                "failed in 12 of 12 sessions since",
            ),
            change(
                Action::Dropped,
                "Ask Jane",
                "names no tool and no condition",
            ),
        ],
        patterns: vec![
            pattern(
                PatternKind::Mistake,
                "compare refuses a .wpd file; converting it to .docx works",
                28,
                Some("Save a legacy .wpd as .docx before comparing"),
            ),
            pattern(
                PatternKind::Workflow,
                "open, convert, compare, export, send",
                22,
                None,
            ),
            pattern(
                PatternKind::Preference,
                "metadata is scrubbed before anything is sent",
                9,
                Some("Scrub metadata of anything that leaves the firm"),
            ),
        ],
        sessions: 64,
        input_before: store.clone(),
        input_after: store,
    }
}

fn pair() -> TranscriptPair {
    let step = |did: &str, came: &str, failed: bool, followed: &str| Step {
        did: did.into(),
        came: came.into(),
        failed,
        followed: followed.into(),
    };
    TranscriptPair {
        task: "redline-legacy-017".into(),
        repeat: 0,
        baseline: "bare".into(),
        candidate: "dreamed".into(),
        shared: vec!["open nda-v3.wpd".into(), "open nda-v4.docx".into()],
        baseline_steps: vec![
            step(
                "compare nda-v3.wpd with nda-v4.docx",
                "unsupported source",
                true,
                "",
            ),
            step("export nda-v3.wpd as pdf", "done", false, ""),
            step(
                "compare nda-v3.pdf with nda-v4.docx",
                "unsupported source",
                true,
                "",
            ),
        ],
        baseline_outcome: "not completed, out of steps".into(),
        candidate_steps: vec![
            step(
                "convert nda-v3.wpd to=docx",
                "done",
                false,
                "Save a legacy .wpd as .docx before comparing",
            ),
            step(
                "compare nda-v3.docx with nda-v4.docx",
                "12 changes",
                false,
                "",
            ),
            step("send redline to client", "sent", false, ""),
        ],
        candidate_outcome: "completed in 9 steps".into(),
    }
}
