//! What is asked of the evidence, and in which words.

use serde::{Deserialize, Serialize};

use crate::{
    analysis::evidence::Evidence,
    promotion::{figures::arm_words, policy::Policy},
};

/// What is asked of the evidence, and in which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What helps or does not, as a sentence begins with it: `Dreaming`, or the candidate's name.
    pub subject: String,
    /// The arm in question.
    pub candidate: String,
    /// The arms it must beat, in order.
    pub baselines: Vec<String>,
}

/// The subject where a dream is the difference between two arms that were run.
const DREAM: &str = "Dreaming";
/// The arm without which nobody can tell what a dream did from what its input had already.
const INPUT: &str = "stored";

impl Question {
    /// The question of a run: the dreamed arm against the policy's baselines.
    pub fn of_dream(policy: &Policy) -> Self {
        Self {
            subject: DREAM.to_owned(),
            candidate: "dreamed".to_owned(),
            baselines: policy.dream.contrasts.clone(),
        }
    }

    /// The question of a run with a memory that was given and not dreamed.
    pub fn of_memory(policy: &Policy) -> Self {
        Self {
            subject: "This memory".to_owned(),
            ..Self::of_dream(policy)
        }
    }

    /// The question of a comparison: one arm against others, in order.
    pub fn of_arms(candidate: &str, baselines: &[&str]) -> Self {
        Self {
            subject: capital(&arm_words(candidate)),
            candidate: candidate.to_owned(),
            baselines: baselines.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    /// The question as this evidence can answer it: without what the dream read, all that can help is the memory.
    pub fn answerable(&self, evidence: &Evidence) -> Self {
        match self.asks_of_a_dream() && self.is_input_missing(evidence) {
            true => Self {
                subject: capital(&arm_words(&self.candidate)),
                ..self.clone()
            },
            false => self.clone(),
        }
    }

    /// Whether a baseline is the arm without which nobody knows what the dream itself did.
    pub fn is_input(&self, baseline: &str) -> bool {
        self.asks_of_a_dream() && baseline == INPUT
    }

    /// The candidate as its sentence names it.
    pub fn candidate_words(&self) -> String {
        match self.asks_of_a_dream() {
            true => arm_words(&self.candidate),
            false => "it".to_owned(),
        }
    }

    /// The subject inside a sentence: `dreaming`.
    pub fn inner(&self) -> String {
        let mut letters = self.subject.chars();
        let first = letters.next().map(|it| it.to_lowercase().to_string());
        first.unwrap_or_default() + letters.as_str()
    }

    fn asks_of_a_dream(&self) -> bool {
        self.subject == DREAM
    }

    fn is_input_missing(&self, evidence: &Evidence) -> bool {
        let is_asked = self.baselines.iter().any(|it| it == INPUT);
        let is_compared = |of: &str| {
            let mut all = evidence.comparisons.iter();
            all.any(|it| it.candidate == self.candidate && it.baseline == of)
        };
        is_asked && !is_compared(INPUT) && self.baselines.iter().any(|it| is_compared(it))
    }
}

/// A text that begins a sentence.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_begin_sentences_and_stand_within_them() {
        let policy = Policy::default();
        let of = |question: Question| (question.subject.clone(), question.inner());
        let both = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(
            of(Question::of_dream(&policy)),
            both("Dreaming", "dreaming")
        );
        assert_eq!(
            of(Question::of_memory(&policy)),
            both("This memory", "this memory")
        );
        assert_eq!(
            of(Question::of_arms("stored", &["bare"])),
            both("The store as it was", "the store as it was")
        );
        assert_eq!(
            of(Question::of_arms("Élan", &["bare"])),
            both("“Élan”", "“Élan”")
        );
    }
}
