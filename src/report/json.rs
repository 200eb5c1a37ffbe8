//! JSON as people and scripts read it: pretty, in a stable order, with a newline at the end.

use serde::Serialize;

use crate::{
    error::{Error, Result},
    report::is_trick,
};

/// `value` as pretty JSON. Characters that turn or hide text are written as escapes, which changes no value.
///
/// # Errors
///
/// A bug of ours where the value has no JSON form.
pub fn pretty(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::bug("a report could not be written as JSON").because(error))?;
    let mut safe = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        match is_trick(character) {
            true => {
                let units = character.encode_utf16(&mut [0; 2]).to_vec();
                safe.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
            false => safe.push(character),
        }
    }
    safe.push('\n');
    Ok(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_keep_their_value() {
        let text = "a\u{202e}b\u{e0041}\u{7f}c";
        let written = pretty(&text).expect("a text is JSON");
        assert_eq!(written, "\"a\\u202eb\\udb40\\udc41\\u007fc\"\n");
        assert_eq!(
            serde_json::from_str::<String>(&written).ok(),
            Some(text.to_owned())
        );
    }
}
