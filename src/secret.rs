//! Keys: texts that nothing shows. Whatever comes from outside is searched for all of them before it is kept.

use std::{
    borrow::Cow,
    fmt,
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock},
};

use regex::{NoExpand, Regex};

/// A key or token. It can be compared with nothing and printed nowhere.
#[derive(Clone)]
pub struct Secret {
    text: Arc<str>,
    shown: Arc<str>,
}

/// What is searched for, and what stands in its place.
#[derive(Debug)]
struct Known {
    text: Arc<str>,
    /// The text in every way JSON can write it, JSON within JSON too; `None` where it is too long for that.
    written: Option<Regex>,
    /// Whether JSON must write some of it with a backslash.
    is_escaped: bool,
    shown: String,
}

/// All secrets made so far, the longest first: one may begin another.
static KNOWN: RwLock<Vec<Arc<Known>>> = RwLock::new(Vec::new());

/// What is shown in place of a secret without a name.
const HIDDEN: &str = "[key]";
/// A key shorter than this, in bytes, is a stand-in such as `none` or `ollama` for a server that asks for none: a word that
/// answers hold by themselves. No provider gives one so short.
const SHORT: usize = 8;
/// How JSON can write what it need not.
const ESCAPES: [&str; 2] = ["\\u", "\\/"];

impl Secret {
    /// Wraps a key, and has it struck out everywhere from now on. Blanks around it, such as the line feed of a key file, are
    /// not part of it.
    pub fn new(text: &str) -> Self {
        Self::shown_as(text, HIDDEN.to_owned())
    }

    /// The value of an environment variable, whose name is shown in its place.
    pub fn of_variable(name: &str, value: &str) -> Self {
        Self::shown_as(value, format!("[{name}]"))
    }

    fn shown_as(text: &str, shown: String) -> Self {
        let text: Arc<str> = text.trim().into();
        if SHORT <= text.len() {
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            if known.iter().all(|it| it.text != text) {
                known.push(Arc::new(Known {
                    written: written(&text),
                    is_escaped: text.contains(|it: char| it.is_control() || "\"\\".contains(it)),
                    text: Arc::clone(&text),
                    shown: shown.clone(),
                }));
                known.sort_by_key(|it| std::cmp::Reverse(it.text.len()));
            }
        }
        Self {
            text,
            shown: shown.into(),
        }
    }

    /// What stands in its place: the name of its variable, where it has one.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The key itself, for the one header that carries it.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl Known {
    fn strike<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let may_hide = match self.is_escaped {
            true => text.contains('\\'),
            false => ESCAPES.iter().any(|it| text.contains(it)),
        };
        match &self.written {
            Some(written) if may_hide => written.replace_all(text, NoExpand(&self.shown)),
            _ if text.contains(&*self.text) => Cow::Owned(text.replace(&*self.text, &self.shown)),
            _ => Cow::Borrowed(text),
        }
    }
}

/// Every letter of a text as it stands, behind any number of backslashes, or by its number.
fn written(text: &str) -> Option<Regex> {
    let mut pattern = String::new();
    let mut buffer = [0; 4];
    for letter in text.chars() {
        let plain = regex::escape(letter.encode_utf8(&mut buffer));
        let _ = write!(pattern, r"(?:\\*{plain}|");
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _ = write!(pattern, r"\\+u(?i:{unit:04x})");
        }
        match letter {
            '\n' => pattern.push_str(r"|\\+n"),
            '\r' => pattern.push_str(r"|\\+r"),
            '\t' => pattern.push_str(r"|\\+t"),
            _ => {}
        }
        pattern.push(')');
    }
    Regex::new(&pattern).ok()
}

/// The text with every secret struck out, however JSON has written it.
pub fn strike(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut struck = Cow::Borrowed(text);
    for one in known.iter() {
        if let Cow::Owned(shorter) = one.strike(&struck) {
            struck = Cow::Owned(shorter);
        }
    }
    struck
}

/// Whether a text is the name of a variable a key can stand in, and not by mistake the key itself: capitals, digits and `_`.
pub fn names_variable(text: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    !text.is_empty()
        && !text.starts_with(|it: char| it.is_ascii_digit())
        && text.chars().all(is_plain)
}

/// Whether a secret stands in the text.
pub fn holds_secret(text: &str) -> bool {
    matches!(strike(text), Cow::Owned(_))
}

/// As [`strike`], for what was said in bytes. Bytes that are no text stay as they are where they hold no secret.
pub fn strike_bytes(bytes: Vec<u8>) -> Vec<u8> {
    let struck = match strike(&String::from_utf8_lossy(&bytes)) {
        Cow::Borrowed(_) => None,
        Cow::Owned(struck) => Some(struck.into_bytes()),
    };
    struck.unwrap_or(bytes)
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nowhere_and_is_taken_out_of_what_others_say() {
        let secret = Secret::new("sk-planted-one\n");
        assert_eq!(format!("{secret} {secret:?}"), "[key] [key]");
        assert_eq!(
            strike("Incorrect API key provided: sk-planted-one."),
            "Incorrect API key provided: [key]."
        );
        Secret::of_variable("MY_TOKEN", "sk-planted-one-and-more");
        assert_eq!(
            strike("sk-planted-one sk-planted-one-and-more"),
            "[key] [MY_TOKEN]"
        );
    }

    #[test]
    fn a_key_behind_escapes_is_found_wherever_it_stands() {
        Secret::new("sk-a/b+planted");
        assert_eq!(
            strike(r#"{"error":"bad sk-a\/b+planted","n":1}"#),
            r#"{"error":"bad [key]","n":1}"#
        );
        assert_eq!(
            strike(r#"[{"\u0073k-a/b+planted":["\u0073k-a\/b\u002Bplanted", null]}]"#),
            r#"[{"[key]":["[key]", null]}]"#
        );
        let other = r#"{"a":"caf\u00e9 \/ tea"}"#;
        assert!(matches!(strike(other), Cow::Borrowed(it) if it == other));
    }

    #[test]
    fn a_key_in_json_within_json_is_found_too_and_what_is_left_is_json() {
        let key = "sk-planted\"\\\n\u{1f511}-deep";
        Secret::new(key);
        let mut text = key.to_owned();
        for depth in 0..4 {
            text = serde_json::json!({ "arguments": format!("a \\ {text} z") }).to_string();
            let struck = strike(&text);
            assert!(struck.contains("[key] z"), "{depth}: {struck}");
            assert!(serde_json::from_str::<serde_json::Value>(&struck).is_ok());
        }
    }

    #[test]
    fn a_stand_in_for_a_key_is_a_word_like_any_other() {
        for stand_in in ["", "k", "none", "ollama"] {
            Secret::new(stand_in);
            let told = "none of the 12 tokens; ollama knows";
            assert_eq!(strike(told), told, "{stand_in}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_as_they_are_unless_a_secret_is_among_them() {
        Secret::new("sk-planted-bytes");
        assert_eq!(strike_bytes(b"\xff plain".to_vec()), b"\xff plain");
        let struck = strike_bytes(b"\xff sk-planted-bytes".to_vec());
        assert_eq!(String::from_utf8_lossy(&struck), "\u{fffd} [key]");
    }
}
