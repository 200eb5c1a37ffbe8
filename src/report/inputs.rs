//! What a report is made from: evidence, verdicts, and what was asked, as plain values.

use crate::{
    analysis::{
        evidence::{Comparison, Evidence},
        spending::Spending,
    },
    domain::dream::Dream,
    promotion::{gate::Gate, screen::Finding, verdict::Verdicts},
    report::page::Step,
};

/// Everything a report may show. What is missing leaves its section out.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What was run or compared.
    pub run: &'a RunInfo,
    /// The numbers, with the verdicts written in.
    pub evidence: &'a Evidence,
    /// The decisions.
    pub verdicts: &'a Verdicts,
    /// What the dream left beside its store; `None` for a comparison or a store from disk.
    pub dream: Option<&'a Dream>,
    /// Criteria of the graders, over the trials of the first baseline and the candidate.
    pub criteria: &'a [Criterion],
    /// Pairs of attempts worth reading.
    pub transcripts: &'a [TranscriptPair],
    /// A gate's word on the run, where one was asked for.
    pub gate: Option<&'a Gate>,
    /// Lines of the candidate's store that no shape recognised: path, line from 1, text.
    pub not_understood: &'a [(String, usize, String)],
    /// What the screen found in the candidate's learnings, in store order; `None` where nothing was screened.
    pub findings: Option<&'a [Finding]>,
}

/// What was run or compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunInfo {
    /// The suite's name, or the table's.
    pub title: String,
    /// What the suite is, in a sentence; may be empty.
    pub about: String,
    /// The agent's name, or empty.
    pub agent: String,
    /// What must be known of the agent, such as that it stands in for no language model; may be empty.
    pub agent_note: String,
    /// The model, or empty.
    pub model: String,
    /// The dreamer, or empty.
    pub dreamer: String,
    /// Seed of the trials.
    pub seed: Option<u64>,
    /// Seed of the world.
    pub world_seed: Option<u64>,
    /// Attempts per task and arm.
    pub repeats: Option<u32>,
    /// The headline budget in tool calls.
    pub steps: Option<u32>,
    /// The plan's fingerprint, or empty.
    pub fingerprint: String,
    /// Digests by what they are of, in order.
    pub digests: Vec<(String, String)>,
    /// Versions by what they are of, in order.
    pub versions: Vec<(String, String)>,
    /// The command that gives this report again; may be empty.
    pub reproduce: String,
    /// What was consumed, by who was paid; empty where nobody said.
    pub spending: Vec<Spending>,
    /// How many trials were taken from earlier runs, as a sentence; may be empty.
    pub reused: String,
}

/// How often one criterion was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// The criterion, in the grader's words.
    pub name: String,
    /// Trials of the first baseline that met it, and how many were graded on it.
    pub baseline: (u32, u32),
    /// The same for the candidate.
    pub candidate: (u32, u32),
}

/// Two attempts at one task with one seed, up to where they part and a few steps beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptPair {
    /// The task.
    pub task: String,
    /// The repeat, from 0.
    pub repeat: u32,
    /// The arm without the advice.
    pub baseline: String,
    /// The arm with it.
    pub candidate: String,
    /// Steps both took, in words.
    pub shared: Vec<String>,
    /// The baseline's steps from where they part.
    pub baseline_steps: Vec<Step>,
    /// How the baseline's attempt came out: `completed`, `not completed`.
    pub baseline_outcome: String,
    /// The candidate's steps from where they part.
    pub candidate_steps: Vec<Step>,
    /// How the candidate's attempt came out.
    pub candidate_outcome: String,
}

impl Inputs<'_> {
    /// The first baseline that was compared, if any.
    pub fn first_baseline(&self) -> Option<&str> {
        let question = &self.verdicts.dream.question;
        let mut baselines = question.baselines.iter();
        let has = |it: &&String| self.comparison_with(it).is_some();
        baselines.find(has).map(String::as_str)
    }

    /// The candidate against `baseline`.
    pub fn comparison_with(&self, baseline: &str) -> Option<&Comparison> {
        let candidate = &self.verdicts.dream.question.candidate;
        let mut all = self.evidence.comparisons.iter();
        all.find(|it| &it.candidate == candidate && it.baseline == baseline)
    }

    /// The candidate against the first baseline.
    pub fn headline(&self) -> Option<&Comparison> {
        self.comparison_with(self.first_baseline()?)
    }
}
