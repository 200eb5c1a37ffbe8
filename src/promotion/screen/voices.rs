//! What all learnings say, by condition and by words, so that one that says otherwise is found.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::advice::{Advice, Stance, read};
use crate::domain::id::LearningId;
use crate::domain::memory::Learning;
use crate::domain::tool::{Condition, Handbook};
use crate::promotion::screen::Spot;
use crate::promotion::screen::phrased::{Line, lines};

/// Words that deny.
const DENIALS: [&str; 5] = ["never", "not", "don't", "avoid", "no"];

/// Words that change nothing of what a rule is about.
const FILLERS: [&str; 13] = [
    "always", "do", "use", "run", "call", "apply", "please", "then", "should", "must", "the", "a",
    "an",
];

/// Fewest words two sentences must share to be about the same thing.
const LEAST_WORDS: usize = 2;

/// What the learnings of the store and those in force say.
#[derive(Debug, Clone, Default)]
pub struct Voices {
    speakers: Vec<Speaker>,
    /// Advice by its condition, with its speaker.
    advice: BTreeMap<Vec<Condition>, Vec<(usize, Advice)>>,
    /// Prose by the words it is about: its speaker, and whether it denies.
    prose: BTreeMap<String, Vec<(usize, bool)>>,
}

#[derive(Debug, Clone)]
struct Speaker {
    id: LearningId,
    place: String,
    roles: BTreeSet<String>,
}

impl Voices {
    /// Hears learnings, each id once; without a handbook, as prose.
    pub fn of<'a>(
        learnings: impl IntoIterator<Item = &'a Learning>,
        handbook: Option<&Handbook>,
    ) -> Self {
        let mut voices = Self::default();
        let mut heard = BTreeSet::new();
        for learning in learnings {
            if !heard.insert(&learning.id) {
                continue;
            }
            let speaker = voices.speakers.len();
            voices.speakers.push(Speaker {
                id: learning.id.clone(),
                place: format!("{}, line {}", learning.source.path, learning.source.line),
                roles: roles(learning, handbook),
            });
            for line in lines(&learning.text) {
                match advice_of(&line, handbook) {
                    Some(advice) => voices
                        .advice
                        .entry(advice.when.clone())
                        .or_default()
                        .push((speaker, advice)),
                    None => voices.add_prose(speaker, line.text),
                }
            }
        }
        voices
    }

    fn add_prose(&mut self, speaker: usize, line: &str) {
        if let Some((words, denies)) = gist(line) {
            self.prose.entry(words).or_default().push((speaker, denies));
        }
    }

    /// Where a learning says otherwise than another; one for each line.
    pub(super) fn against(&self, learning: &Learning, handbook: Option<&Handbook>) -> Vec<Spot> {
        let own = roles(learning, handbook);
        let can_meet = |speaker: usize| {
            let other = &self.speakers[speaker];
            other.id != learning.id
                && (own.is_empty() || other.roles.is_empty() || !own.is_disjoint(&other.roles))
        };
        let found = lines(&learning.text).into_iter().filter_map(|line| {
            let (speaker, how) = match (advice_of(&line, handbook), handbook) {
                (Some(advice), Some(handbook)) => self
                    .advice
                    .get(&advice.when)?
                    .iter()
                    .filter(|(speaker, _)| can_meet(*speaker))
                    .find_map(|(speaker, other)| {
                        Some((*speaker, contradiction(&advice, other, handbook)?))
                    })?,
                _ => {
                    let (words, denies) = gist(line.text)?;
                    let others = self.prose.get(&words)?.iter();
                    let opposite = |it: &&(usize, bool)| it.1 != denies && can_meet(it.0);
                    (others.into_iter().find(opposite)?.0, OPPOSITE)
                }
            };
            let other = &self.speakers[speaker];
            Some(Spot {
                offset: line.offset,
                says: format!("it says {how} {} ({})", other.id, other.place),
            })
        });
        found.collect()
    }
}

const OPPOSITE: &str = "the opposite of";
const ANOTHER: &str = "another remedy for the same condition than";

fn advice_of(line: &Line<'_>, handbook: Option<&Handbook>) -> Option<Advice> {
    line.advice(handbook?)
}

fn roles(learning: &Learning, handbook: Option<&Handbook>) -> BTreeSet<String> {
    let named = handbook.map_or_else(Vec::new, |it| read(&learning.text, it).roles);
    learning.roles.iter().cloned().chain(named).collect()
}

/// How two pieces of advice for the same condition contradict each other, if they do.
fn contradiction(one: &Advice, other: &Advice, handbook: &Handbook) -> Option<&'static str> {
    let same_tool = one.tool == other.tool;
    if one.stance != other.stance {
        let (wanted, avoided) = match one.stance {
            Stance::Do => (one, other),
            Stance::Avoid => (other, one),
        };
        let covers = avoided.with.iter().all(|it| wanted.with.contains(it))
            && (avoided.order.is_none() || avoided.order == wanted.order);
        return (same_tool && covers).then_some(OPPOSITE);
    }
    if one.stance == Stance::Avoid {
        return None;
    }
    let gives = |it: &Advice| handbook.tools.get(it.tool).and_then(|tool| tool.gives);
    let other_value = |it: &(usize, usize)| {
        let mut values = other.with.iter();
        values.any(|value| value.0 == it.0 && value.1 != it.1)
    };
    match (one.order, other.order) {
        (Some(order), Some(wanted)) if same_tool && order.1 == wanted.1 && order != wanted => {
            Some(OPPOSITE)
        }
        (Some(order), Some(wanted)) if !same_tool && order == wanted => Some(ANOTHER),
        _ if same_tool && one.with.iter().any(other_value) => Some(ANOTHER),
        (None, None) if !same_tool && gives(one).is_some() && gives(one) == gives(other) => {
            Some(ANOTHER)
        }
        _ => None,
    }
}

/// What a sentence is about, and whether it denies; `None` where too little is left to compare.
fn gist(line: &str) -> Option<(String, bool)> {
    let all: Vec<String> = line
        .replace('\u{2019}', "'")
        .split_whitespace()
        .map(|it| {
            it.trim_matches(|it: char| !it.is_alphanumeric())
                .to_lowercase()
        })
        .filter(|it| !it.is_empty())
        .collect();
    let denies = all.iter().any(|it| DENIALS.contains(&it.as_str()));
    let about: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|it| !DENIALS.contains(it) && !FILLERS.contains(it))
        .collect();
    (LEAST_WORDS <= about.len()).then(|| (about.join(" "), denies))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::{Entry, Store};
    use crate::formats::memory::learnings;
    use crate::promotion::screen::phrased::handbook;

    /// What the first of two notes is said to do to the second.
    fn said(one: &str, other: &str) -> Option<String> {
        let entry = |path: &str, text: &str| Entry {
            path: path.into(),
            text: text.into(),
        };
        let all = learnings(&Store::new(vec![
            entry("/a.md", one),
            entry("/b.md", other),
        ]));
        let handbook = handbook();
        let voices = Voices::of(&all.learnings, Some(&handbook));
        let spots = voices.against(&all.learnings[0], Some(&handbook));
        let says = spots.into_iter().map(|it| it.says).next()?;
        let id = all.learnings.last()?.id.to_string();
        Some(says.replace(&id, "it"))
    }

    #[test]
    fn opposites_are_found_in_the_phrasing_and_in_prose() {
        let opposite = Some("it says the opposite of it (/b.md, line 1)".to_owned());
        for (one, other) in [
            (
                "When format is wpd, do convert",
                "If format = wpd, avoid convert",
            ),
            ("Do send with channel=portal", "Avoid send"),
            ("Do convert before open", "Do convert after open"),
            ("Always print the cover page", "Never print the cover page."),
            ("Don\u{2019}t call before noon", "Do call before noon"),
        ] {
            assert_eq!(said(one, other), opposite, "{one}");
        }
    }

    #[test]
    fn another_remedy_for_the_same_condition_is_found() {
        let another = Some(
            "it says another remedy for the same condition than it (/b.md, line 1)".to_owned(),
        );
        for (one, other) in [
            (
                "When format is wpd, do convert before open",
                "When format is wpd, do split before open",
            ),
            ("Do send with channel=portal", "Do send with channel=email"),
        ] {
            assert_eq!(said(one, other), another, "{one}");
        }
    }

    #[test]
    fn what_can_stand_together_is_not() {
        for (one, other) in [
            (
                "When format is wpd, do convert",
                "When format is docx, avoid convert",
            ),
            (
                "When format is wpd, do convert",
                "When format is wpd, do split",
            ),
            (
                "Do send with channel=portal",
                "Avoid send with channel=email",
            ),
            ("Do convert before open", "Do convert before send"),
            ("Always print the cover page", "Never print the index page"),
            ("Do convert", "Do convert."),
        ] {
            assert_eq!(said(one, other), None, "{one}");
        }
        let narrowed =
            |role: &str| format!("---\nname: a\nroles: [{role}]\n---\nPrint the index\n");
        let other = narrowed("partner").replace("Print", "Never print");
        assert_eq!(said(&narrowed("associate"), &other), None);
        assert!(said(&narrowed("partner"), &other).is_some());
    }
}
