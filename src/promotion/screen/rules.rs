//! The rules of the screen: their stable ids, what each is about, and how much it weighs.

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Shown, and stops nothing.
    Note,
    /// Never promoted until a person approves.
    Review,
    /// Rejected.
    Hard,
}

impl Severity {
    /// Every severity, the heaviest first.
    pub const ALL: [Severity; 3] = [Severity::Hard, Severity::Review, Severity::Note];
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable across versions.
    pub id: &'static str,
    /// How much its findings weigh.
    pub severity: Severity,
    /// What it finds, in a few words.
    pub about: &'static str,
}

const fn rule(id: &'static str, severity: Severity, about: &'static str) -> Rule {
    Rule {
        id,
        severity,
        about,
    }
}

/// Every rule, in the order findings are told.
pub const RULES: [Rule; 17] = [
    INTEGRITY,
    HIDDEN_TEXT,
    CONFUSABLE,
    SECRET,
    LEAK,
    SIZE,
    EXECUTABLE,
    PERSONAL_DATA,
    INSTRUCTION,
    PROVENANCE,
    AGAINST_POLICY,
    UNSCOPED,
    NO_EVIDENCE,
    SINGLE_SESSION,
    RELATIVE_DATE,
    DEAD_TOOL,
    CONFLICT,
];

pub(super) const INTEGRITY: Rule = rule(
    "integrity",
    Severity::Hard,
    "The text is not what was evaluated",
);
pub(super) const HIDDEN_TEXT: Rule = rule(
    "hidden-text",
    Severity::Hard,
    "Text that a model reads and a reviewer does not see",
);
pub(super) const CONFUSABLE: Rule = rule(
    "confusable",
    Severity::Hard,
    "Words that mix letters of scripts that look alike",
);
pub(super) const SECRET: Rule = rule(
    "secret",
    Severity::Hard,
    "Keys, passwords, card and bank account numbers",
);
pub(super) const LEAK: Rule = rule(
    "leak",
    Severity::Hard,
    "The answer, name, files or brief of a task meant to judge it",
);
pub(super) const SIZE: Rule = rule(
    "size",
    Severity::Review,
    "More text than is read to the end; beyond what a memory may have, rejected",
);
pub(super) const EXECUTABLE: Rule = rule(
    "executable",
    Severity::Review,
    "A program, or a command that fetches one and runs it",
);
pub(super) const PERSONAL_DATA: Rule = rule(
    "personal-data",
    Severity::Review,
    "E-mail addresses and telephone numbers of people",
);
pub(super) const INSTRUCTION: Rule = rule(
    "instruction",
    Severity::Review,
    "Instructions to the model rather than advice on the task",
);
pub(super) const PROVENANCE: Rule = rule(
    "provenance",
    Severity::Review,
    "Evidence from sessions nobody knows",
);
pub(super) const AGAINST_POLICY: Rule = rule(
    "against-policy",
    Severity::Review,
    "Advice that a policy of the world forbids",
);
pub(super) const UNSCOPED: Rule = rule(
    "unscoped",
    Severity::Note,
    "A rule for every case, without a condition",
);
pub(super) const NO_EVIDENCE: Rule = rule(
    "no-evidence",
    Severity::Note,
    "A playbook that cites no session",
);
pub(super) const SINGLE_SESSION: Rule = rule(
    "single-session",
    Severity::Note,
    "Evidence from one session alone",
);
pub(super) const RELATIVE_DATE: Rule = rule(
    "relative-date",
    Severity::Note,
    "Times counted from the day of writing",
);
pub(super) const DEAD_TOOL: Rule = rule(
    "dead-tool",
    Severity::Note,
    "A tool that the handbook does not have",
);
pub(super) const CONFLICT: Rule = rule(
    "conflict",
    Severity::Note,
    "The opposite of another learning, or another remedy for the same condition",
);
