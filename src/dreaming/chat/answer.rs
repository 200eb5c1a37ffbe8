//! What models answer: one JSON object, perhaps with words around it, checked before anything is made of it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{error::without_place, formats::memory::is_control_or_format};

/// The object of an answer.
///
/// # Errors
/// There is none, or it is not of the form that was asked for; in words that follow `it`.
pub(super) fn object<T: DeserializeOwned>(reply: &str) -> Result<T, String> {
    let (from, to) = match (reply.find('{'), reply.rfind('}')) {
        (Some(from), Some(to)) if from < to => (from, to),
        _ => return Err("held no JSON object".to_owned()),
    };
    let value: Value = serde_json::from_str(&reply[from..=to])
        .map_err(|fault| format!("held no JSON that can be read ({})", without_place(&fault)))?;
    serde_json::from_value(value)
        .map_err(|fault| format!("is not of the form that was asked for ({fault})"))
}

/// A text on one line, with something in it and not too much.
///
/// # Errors
/// It is empty, too long, or holds what nobody can see.
pub(super) fn sentence(name: &str, text: &str, most: usize) -> Result<String, String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    check(name, &line, most)?;
    Ok(line)
}

/// A text of some lines, with something in it and not too much.
///
/// # Errors
/// As [`sentence`].
pub(super) fn passage(name: &str, text: &str, most: usize) -> Result<String, String> {
    let text = text.trim().replace("\r\n", "\n").replace('\t', "  ");
    check(name, &text, most)?;
    Ok(text)
}

fn check(name: &str, text: &str, most: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length == 0 {
        return Err(format!("left a `{name}` empty"));
    }
    if most < length {
        return Err(format!(
            "gave a `{name}` of {length} characters, and the most is {most}"
        ));
    }
    match text
        .chars()
        .any(|it| it != '\n' && is_control_or_format(it))
    {
        true => Err(format!("gave a `{name}` with characters nobody can see")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Told {
        number: u32,
    }

    #[test]
    fn the_object_is_found_among_words_and_fences() {
        assert_eq!(
            object("```json\n{\"number\": 4, \"more\": 1}\n```"),
            Ok(Told { number: 4 })
        );
        assert_eq!(object::<Told>("four").unwrap_err(), "held no JSON object");
        assert!(
            object::<Told>("{\"number\": }")
                .unwrap_err()
                .starts_with("held no JSON that can be read")
        );
        assert!(
            object::<Told>("{}")
                .unwrap_err()
                .starts_with("is not of the form that was asked for")
        );
    }

    #[test]
    fn texts_are_kept_short_and_visible() {
        assert_eq!(sentence("name", " a\n b ", 9), Ok("a b".to_owned()));
        assert!(sentence("name", "  ", 9).is_err() && sentence("name", "abc", 2).is_err());
        assert!(passage("body", "a\u{202e}b", 9).is_err());
        assert_eq!(passage("body", "a\r\nb\n", 9), Ok("a\nb".to_owned()));
    }
}
