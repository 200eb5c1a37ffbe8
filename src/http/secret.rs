//! Keys: a text that no error, log or debug print ever shows.

use std::{borrow::Cow, fmt};

use serde_json::Value;

/// A key or token. It can be compared with nothing, printed nowhere, and leaves this folder only inside a header.
#[derive(Clone)]
pub struct Secret(String);

/// What stands in its place.
const HIDDEN: &str = "[key]";
/// A key shorter than this, in bytes, is a stand-in such as `none` or `ollama` for a server that asks for none: a word that
/// answers hold by themselves. No provider gives one so short.
const SHORT: usize = 8;
/// How JSON can write what a key is made of in another way.
const ESCAPES: [&str; 2] = ["\\u", "\\/"];

impl Secret {
    /// Wraps a key; blanks around it, such as the line feed of a key file, are not part of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without the key, for what a server or a library says: some repeat the key they were given.
    pub fn scrub<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if self.0.len() < SHORT || !text.contains(&self.0) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.replace(&self.0, HIDDEN))
    }

    /// As [`Secret::scrub`], for a text that may be JSON, where a key can hide behind escapes.
    pub fn scrub_json<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let plain = self.scrub(text);
        let may_hide = SHORT <= self.0.len() && ESCAPES.iter().any(|it| plain.contains(it));
        if !may_hide {
            return plain;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(&plain) else {
            return plain;
        };
        match self.scrub_value(&mut value) {
            true => Cow::Owned(value.to_string()),
            false => plain,
        }
    }

    /// Takes the key out of every text in a value; whether it stood in any.
    fn scrub_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.scrub(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(scrubbed) => {
                    *text = scrubbed;
                    true
                }
            },
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |found, it| self.scrub_value(it) | found),
            Value::Object(fields) => {
                let mut found = false;
                for (name, mut value) in std::mem::take(fields) {
                    let scrubbed = self.scrub(&name).into_owned();
                    found |= self.scrub_value(&mut value) | (scrubbed != name);
                    fields.insert(scrubbed, value);
                }
                found
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The key itself, for the one header that carries it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nowhere_and_is_taken_out_of_what_others_say() {
        let secret = Secret::new("sk-planted-1\n");
        assert_eq!(format!("{secret} {secret:?}"), "[key] [key]");
        assert_eq!(
            secret.scrub("Incorrect API key provided: sk-planted-1."),
            "Incorrect API key provided: [key]."
        );
    }

    #[test]
    fn a_key_behind_escapes_is_found_wherever_it_stands() {
        let secret = Secret::new("sk-a/b+planted");
        let scrubbed = |text: &str| secret.scrub_json(text).into_owned();
        assert_eq!(
            scrubbed(r#"{"error":"bad sk-a\/b+planted","n":1}"#),
            r#"{"error":"bad [key]","n":1}"#
        );
        assert_eq!(
            scrubbed(r#"[{"\u0073k-a/b+planted":["\u0073k-a\/b\u002bplanted", null]}]"#),
            r#"[{"[key]":["[key]",null]}]"#
        );
        let other = r#"{"a":"caf\u00e9 \/ tea"}"#;
        assert_eq!(scrubbed(other), other, "nothing else is written anew");
    }

    #[test]
    fn a_stand_in_for_a_key_is_a_word_like_any_other() {
        for stand_in in ["", "k", "none", "ollama"] {
            let told = "none of the 12 tokens; ollama knows";
            assert_eq!(Secret::new(stand_in).scrub(told), told, "{stand_in}");
        }
    }
}
