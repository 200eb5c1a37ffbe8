//! Which notes a task has most words of: BM25, over words alone, the same on every machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::{agents::Given, domain::task::Brief};

/// How fast a repeated word stops counting, and how much long notes are held back: the customary values.
/// Source: Robertson and Zaragoza (2009), Foundations and Trends in Information Retrieval 3, 333–389.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Places of the notes, those first that the brief, what lies on the desk and what is asked for have most words of;
/// what ties stays in store order.
///
/// The score of a note is the sum, over the different words of the task that stand in it, of
/// `ln(1 + (N − n + 0.5) / (n + 0.5)) · f · (K1 + 1) / (f + K1 · (1 − B + B · length / mean length))`, with `f` how often
/// the word stands in the note, and `n` how many of the `N` notes given have it.
pub(super) fn ranked(brief: &Brief, memory: &[Given<'_>]) -> Vec<u16> {
    let notes: Vec<BTreeMap<String, u32>> =
        memory.iter().map(|it| counted(&it.learning.text)).collect();
    let lengths: Vec<f64> = notes
        .iter()
        .map(|it| it.values().map(|it| f64::from(*it)).sum())
        .collect();
    let mean = lengths.iter().sum::<f64>() / (notes.len().max(1) as f64);
    let asked: BTreeSet<String> = counted(&asked(brief)).into_keys().collect();
    let weights: Vec<(&String, f64)> = asked
        .iter()
        .map(|word| {
            let having = notes.iter().filter(|it| it.contains_key(word)).count() as f64;
            let all = notes.len() as f64;
            (word, (1.0 + (all - having + 0.5) / (having + 0.5)).ln())
        })
        .collect();
    let score = |at: usize| -> f64 {
        let held_back = K1 * (1.0 - B + B * lengths[at] / mean.max(1.0));
        weights
            .iter()
            .filter_map(|(word, weight)| {
                let often = f64::from(*notes[at].get(*word)?);
                Some(weight * often * (K1 + 1.0) / (often + held_back))
            })
            .sum()
    };
    let mut places: Vec<(u16, f64)> = (0..).zip((0..notes.len()).map(score)).collect();
    places.sort_by(|one, other| other.1.total_cmp(&one.1));
    places.into_iter().map(|(place, _)| place).collect()
}

/// All the words of a task an agent is told.
fn asked(brief: &Brief) -> String {
    let mut text = format!("{} {}", brief.role, brief.prompt);
    for entity in &brief.setup {
        text.push_str(&format!(" {} {}", entity.kind, entity.name));
        for (name, value) in &entity.attributes {
            text.push_str(&format!(" {name} {value}"));
        }
    }
    for ask in &brief.asks {
        text.push_str(&format!(" {} {}", ask.of, ask.is));
    }
    text
}

/// The words of a text in lower case, and how often each stands there.
fn counted(text: &str) -> BTreeMap<String, u32> {
    let mut counted = BTreeMap::new();
    let words = text.split(|it: char| !it.is_alphanumeric());
    for word in words.filter(|it| !it.is_empty()) {
        *counted.entry(word.to_lowercase()).or_default() += 1;
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            advice::Reading,
            memory::{Entry, Store},
            task::{Entity, Limits},
        },
        formats::memory::learnings,
    };

    fn order(notes: &str, prompt: &str) -> Vec<u16> {
        let store = Store::new(vec![Entry {
            path: "/notes.md".to_owned(),
            text: notes.to_owned(),
        }]);
        let found = learnings(&store).learnings;
        let reading = Reading::default();
        let given: Vec<Given<'_>> = found
            .iter()
            .map(|learning| Given {
                learning,
                reading: &reading,
            })
            .collect();
        let brief = Brief {
            role: "clerk".to_owned(),
            prompt: prompt.to_owned(),
            setup: vec![Entity {
                kind: "letter".to_owned(),
                name: "a-1".to_owned(),
                attributes: vec![("format".to_owned(), "wpd".to_owned())],
            }],
            asks: Vec::new(),
            limits: Limits {
                steps: 1,
                seconds: 1,
                cents: None,
            },
        };
        ranked(&brief, &given)
    }

    #[test]
    fn rare_words_of_the_task_come_first_and_ties_stay_in_store_order() {
        let notes = "- Weather is mild.\n- Stamp the parcel.\n- Parcel of wpd: convert it.\n- Nothing at all.\n";
        assert_eq!(order(notes, "Send a PARCEL."), [2, 1, 0, 3]);
        assert_eq!(order(notes, "zzz"), [2, 0, 1, 3]);
        assert_eq!(order("", "zzz"), [0_u16; 0]);
    }

    #[test]
    fn a_word_said_often_counts_less_each_time_and_length_is_held_back() {
        let notes = "- stamp stamp stamp stamp one two three four five six seven eight\n- stamp here\n- red ink\n";
        assert_eq!(order(notes, "stamp the ink")[0], 2);
        assert_eq!(order(notes, "stamp"), [0, 1, 2]);
    }
}
