//! `{column}` in the texts of a suite, filled from a task's values.

/// Named values, in order.
pub type Values = Vec<(String, String)>;

/// Why a text cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfilled {
    /// This name has no value.
    Unknown(String),
    /// This brace belongs to no name.
    Brace(char),
}

/// Fills every `{name}` of `text`. `{{` and `}}` stand for braces.
///
/// # Errors
/// A name without a value, or a brace that opens or closes nothing.
pub fn fill(text: &str, values: &Values) -> Result<String, Unfilled> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            filled.push_str(brace);
            rest = &rest[1..];
        } else if brace == "{" {
            let Some(end) = rest.find('}') else {
                return Err(Unfilled::Brace('{'));
            };
            let name = &rest[..end];
            match values.iter().find(|(key, _)| key == name) {
                Some((_, value)) => filled.push_str(value),
                None => return Err(Unfilled::Unknown(name.to_owned())),
            }
            rest = &rest[end + 1..];
        } else {
            return Err(Unfilled::Brace('}'));
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_doubled_braces_stand_for_themselves() {
        let values = vec![("old".to_owned(), "nda-v3".to_owned())];
        assert_eq!(
            fill("open {old} as {{text}}", &values),
            Ok("open nda-v3 as {text}".to_owned())
        );
    }

    #[test]
    fn a_name_without_a_value_is_named() {
        assert_eq!(
            fill("open {new}", &Vec::new()),
            Err(Unfilled::Unknown("new".to_owned()))
        );
    }
}
