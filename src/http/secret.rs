//! Keys: a text that no error, log or debug print ever shows.

use std::{borrow::Cow, fmt};

/// A key or token. It can be compared with nothing, printed nowhere, and leaves this folder only inside a header.
#[derive(Clone)]
pub struct Secret(String);

/// What stands in its place.
const HIDDEN: &str = "[key]";
/// A key shorter than this, in bytes, is a stand-in such as `none` or `ollama` for a server that asks for none: a word that
/// answers hold by themselves. No provider gives one so short.
const SHORT: usize = 8;

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
    fn a_stand_in_for_a_key_is_a_word_like_any_other() {
        for stand_in in ["", "k", "none", "ollama"] {
            let told = "none of the 12 tokens; ollama knows";
            assert_eq!(Secret::new(stand_in).scrub(told), told, "{stand_in}");
        }
    }
}
