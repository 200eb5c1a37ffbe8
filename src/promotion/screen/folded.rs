//! Folded text: what two writings of the same words have in common, with the way back to the bytes they came from.

use unicode_normalization::UnicodeNormalization;

/// Texts shorter than this, in characters, are too common to be sought unless they stand in quotes.
const SHORT: usize = 4;

/// A text in lowercase and in Unicode's compatible form (NFKC, sign by sign) with its blank space folded, and where
/// each byte of it came from.
pub(super) struct Folded {
    /// The folded text.
    pub(super) text: String,
    /// For each of its bytes, the offset of the character it was made from.
    pub(super) offsets: Vec<usize>,
}

impl Folded {
    /// Folds a text; `dropped` characters leave nothing behind.
    pub(super) fn new(text: &str, dropped: &[char]) -> Self {
        let mut folded = Self {
            text: String::new(),
            offsets: Vec::new(),
        };
        for (offset, it) in text.char_indices().filter(|(_, it)| !dropped.contains(it)) {
            if it.is_whitespace() {
                if !folded.text.ends_with(' ') {
                    folded.text.push(' ');
                }
            } else if it == '\u{2019}' {
                folded.text.push('\'');
            } else {
                let compatible = std::iter::once(it).nfkc();
                folded.text.extend(compatible.flat_map(char::to_lowercase));
            }
            folded.offsets.resize(folded.text.len(), offset);
        }
        folded
    }

    /// The offset of the first place where `sought` stands between characters that are no part of it; short texts count
    /// only in quotes.
    pub(super) fn find(&self, sought: &Sought, is_end: &dyn Fn(char) -> bool) -> Option<usize> {
        let sought = sought.0.as_str();
        if sought.is_empty() {
            return None;
        }
        let is_short = sought.chars().count() < SHORT;
        // Where a text begins or ends with a sign, the sign is its own boundary.
        let starts_open = sought.starts_with(is_end);
        let ends_open = sought.ends_with(is_end);
        let (at, _) = self.text.match_indices(sought).find(|(at, found)| {
            let before = self.text[..*at].chars().next_back();
            let after = self.text[at + found.len()..].chars().next();
            if is_short {
                return before.is_some_and(is_quote) && after.is_some_and(is_quote);
            }
            (starts_open || before.is_none_or(is_end)) && (ends_open || after.is_none_or(is_end))
        })?;
        self.offsets.get(at).copied()
    }
}

/// A text to be found, folded once however many texts it is sought in.
#[derive(Debug, Clone)]
pub(super) struct Sought(String);

impl Sought {
    /// Folds a text; an empty one is found nowhere.
    pub(super) fn new(text: &str) -> Self {
        Self(Folded::new(text.trim(), &[]).text)
    }
}

fn is_quote(it: char) -> bool {
    matches!(
        it,
        '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_the_same_words_fold_to_the_same_text_and_lead_back() {
        let folded = Folded::new("Don\u{2019}t\n\u{a0} **\u{1d408}gnore**", &['*']);
        assert_eq!(folded.text, "don't ignore");
        assert_eq!((folded.offsets[6], folded.offsets[7]), (13, 17));
    }
}
