//! Quotes of memory, taken out of what a judge reads: it is not to see which arm a piece of work comes from.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scoring::judge::LEFT_OUT;

/// Words in a row, the same as in a note, that make a quote.
const QUOTE: usize = 8;

/// The texts an agent was given from memory, as runs of words.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes<'a> {
    runs: BTreeSet<Vec<String>>,
    texts: Vec<&'a str>,
}

impl<'a> Notes<'a> {
    /// The runs of these texts.
    pub(super) fn of(texts: Vec<&'a str>) -> Self {
        Self {
            runs: texts.iter().flat_map(|it| runs(it)).collect(),
            texts,
        }
    }

    /// Without what also stands in these texts: who repeats the task quotes no memory.
    pub(super) fn but(&self, known: &[&str]) -> Self {
        let known: BTreeSet<Vec<String>> = known.iter().flat_map(|it| runs(it)).collect();
        Self {
            runs: self.runs.difference(&known).cloned().collect(),
            texts: self.texts.clone(),
        }
    }

    /// The text with every quote left out.
    pub(super) fn strip(&self, text: &str) -> String {
        let words = words(text);
        let mut is_quoted = vec![false; words.len()];
        for (at, run) in words.windows(QUOTE).enumerate() {
            let run: Vec<String> = run.iter().map(|(word, ..)| word.clone()).collect();
            if self.runs.contains(&run) {
                is_quoted[at..at + QUOTE].fill(true);
            }
        }
        let (mut stripped, mut from, mut at) = (String::new(), 0, 0);
        while at < words.len() {
            if !is_quoted[at] {
                at += 1;
                continue;
            }
            let end = (at..words.len())
                .find(|it| !is_quoted[*it])
                .unwrap_or(words.len());
            stripped.push_str(&text[from..words[at].1]);
            stripped.push_str(LEFT_OUT);
            from = words[end - 1].2;
            at = end;
        }
        stripped.push_str(&text[from..]);
        stripped
    }

    /// The event with every quote left out of every text in it.
    pub(super) fn strip_event(&self, event: &Value) -> Value {
        match event {
            Value::String(text) => Value::String(self.strip(text)),
            Value::Array(parts) => parts.iter().map(|it| self.strip_event(it)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter();
                Value::Object(
                    fields
                        .map(|(key, it)| (key.clone(), self.strip_event(it)))
                        .collect(),
                )
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => event.clone(),
        }
    }
}

fn runs(text: &str) -> Vec<Vec<String>> {
    let words: Vec<String> = words(text).into_iter().map(|(word, ..)| word).collect();
    words.windows(QUOTE).map(<[String]>::to_vec).collect()
}

/// The words of a text in lower case, each with the bytes where it begins and ends.
fn words(text: &str) -> Vec<(String, usize, usize)> {
    let mut words = Vec::new();
    let mut began = None;
    for (at, letter) in text.char_indices() {
        match (letter.is_alphanumeric(), began) {
            (true, None) => began = Some(at),
            (false, Some(from)) => {
                words.push((text[from..at].to_lowercase(), from, at));
                began = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    words.extend(began.map(|from| (text[from..].to_lowercase(), from, text.len())));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str =
        "When the client is a bank, ask for the second screener before you close the case.";

    #[test]
    fn a_quote_is_left_out_whatever_its_line_breaks_and_marks() {
        let notes = Notes::of(vec![NOTE]);
        let answer = "Done. As my notes say: **when the client is a bank,\n> ask for the second** one. Closed.";
        assert_eq!(
            notes.strip(answer),
            "Done. As my notes say: **[…]** one. Closed."
        );
    }

    #[test]
    fn what_the_agent_says_in_its_own_words_stays() {
        let notes = Notes::of(vec![NOTE]);
        let answer = "The client is a bank, so the second screener signed.";
        assert_eq!(notes.strip(answer), answer);
        assert_eq!(Notes::of(Vec::new()).strip(NOTE), NOTE);
    }

    #[test]
    fn what_the_task_says_as_well_is_no_quote_of_memory() {
        let notes = Notes::of(vec![NOTE]);
        assert_eq!(notes.but(&[NOTE]).strip(NOTE), NOTE);
        assert_eq!(notes.but(&["another task"]).strip(NOTE), "[…].");
    }

    #[test]
    fn quotes_leave_every_text_of_an_event() {
        let event = serde_json::json!({"name": "read", "input": {"note": [NOTE, 4]}});
        let stripped = Notes::of(vec![NOTE]).strip_event(&event);
        assert_eq!(
            stripped,
            serde_json::json!({"name": "read", "input": {"note": ["[…].", 4]}})
        );
    }
}
