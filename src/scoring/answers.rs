//! Graders that read the answer alone.

use regex::Regex;
use serde_json::Value;

use crate::scoring::{Fault, Mark};

/// The answer, trimmed, is the text, trimmed.
pub(super) fn exact(answer: &str, text: &str) -> Mark {
    Mark::of(vec![(
        "answer is as expected".to_owned(),
        answer.trim() == text.trim(),
    )])
}

/// All of these, one of those, none of the others.
pub(super) fn contains(
    answer: &str,
    (all_of, any_of, none_of): (&[String], &[String], &[String]),
) -> Mark {
    let mut criteria: Vec<(String, bool)> = all_of
        .iter()
        .map(|part| (format!("contains “{part}”"), answer.contains(part)))
        .collect();
    if !any_of.is_empty() {
        let met = any_of.iter().any(|part| answer.contains(part));
        criteria.push((format!("contains one of “{}”", any_of.join("”, “")), met));
    }
    criteria.extend(
        none_of
            .iter()
            .map(|part| (format!("does not contain “{part}”"), !answer.contains(part))),
    );
    Mark::of(criteria)
}

/// The expression matches somewhere in the answer.
pub(super) fn pattern(answer: &str, regex: &str) -> Result<Mark, Fault> {
    let pattern =
        Regex::new(regex).map_err(|_| format!("`{regex}` is not a regular expression"))?;
    Ok(Mark::of(vec![(
        format!("matches {regex}"),
        pattern.is_match(answer),
    )]))
}

/// The last number in the answer lies within `tolerance` of `value`.
pub(super) fn number(answer: &str, value: f64, tolerance: f64) -> Mark {
    let met = last_number(answer).is_some_and(|found| (found - value).abs() <= tolerance);
    Mark::of(vec![(format!("gives {value}"), met)])
}

/// The last number written in a text; thousands may be parted by commas.
fn last_number(text: &str) -> Option<f64> {
    text.split(|it: char| it.is_whitespace() || "()[]{}<>\"'`:;=".contains(it))
        .filter_map(|word| {
            let word = word.trim_matches(|it: char| !it.is_ascii_digit() && it != '-' && it != '+');
            word.replace(',', "").parse::<f64>().ok()
        })
        .rfind(|number| number.is_finite())
}

/// The answer is a JSON object whose fields equal these.
pub(super) fn fields(answer: &str, equal: &[(String, Value)]) -> Mark {
    let object: Option<Value> = serde_json::from_str(answer.trim()).ok();
    Mark::of(
        equal
            .iter()
            .map(|(key, wanted)| {
                let found = object.as_ref().and_then(|it| it.get(key));
                (
                    format!("field `{key}` is {wanted}"),
                    found.is_some_and(|it| same(it, wanted)),
                )
            })
            .collect(),
    )
}

/// Equal, and `1` equals `1.0`.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => found.total_cmp(&wanted).is_eq(),
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_ignores_the_space_around_an_answer_and_nothing_else() {
        assert!(exact(" 42\n", "42").completed);
        assert!(!exact("42.", "42").completed);
    }

    #[test]
    fn contains_gives_the_share_of_what_it_asks() {
        let list = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mark = contains(
            "paid and closed",
            (&list(&["paid", "sent"]), &[], &list(&["failed"])),
        );
        assert_eq!((mark.completed, mark.criteria.len()), (false, 3));
        assert!((mark.score - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_last_number_counts_with_its_thousands() {
        assert_eq!(
            last_number("of 7 items, the total is 1,204.50 (EUR)."),
            Some(1204.5)
        );
        assert_eq!(last_number("NaN or inf, who knows"), None);
        assert!(number("about 41.9", 42.0, 0.2).completed);
        assert!(!number("none", 0.0, 0.1).completed);
    }

    #[test]
    fn fields_compare_numbers_by_value_and_ask_for_nothing_else() {
        let wanted = vec![
            ("total".to_owned(), 3.into()),
            ("state".to_owned(), "open".into()),
        ];
        assert!(fields(r#"{"total": 3.0, "state": "open", "more": 1}"#, &wanted).completed);
        assert!(!fields("not json", &wanted).completed);
    }
}
