//! Parts of an answer's body, by their place in it.

use serde_json::Value;

/// As `Value::pointer`, for keys without `~` and with no copy of them.
pub fn value_at<'a>(body: &'a Value, at: &str) -> Option<&'a Value> {
    at.split('/')
        .skip(1)
        .try_fold(body, |value, key| match value {
            Value::Object(fields) => fields.get(key),
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        })
}

/// The text at a place such as `/error/message`; `None` where anything else stands there.
pub fn text_at(body: &Value, at: &str) -> Option<String> {
    value_at(body, at)?.as_str().map(str::to_owned)
}

/// The whole number at a place, 0 or more; `None` where anything else stands there.
pub fn number_at(body: &Value, at: &str) -> Option<u64> {
    value_at(body, at)?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_are_found_by_keys_and_places_in_lists_and_nothing_else_is() {
        let body = json!({"a": [{"b": "c"}, 7, -1]});
        assert_eq!(text_at(&body, "/a/0/b").as_deref(), Some("c"));
        assert_eq!(number_at(&body, "/a/1"), Some(7));
        assert_eq!(number_at(&body, "/a/2"), None);
        for nowhere in ["/a/b", "/a/9", "/a/0/b/c", "/d"] {
            assert_eq!(value_at(&body, nowhere), None, "{nowhere}");
        }
        assert_eq!(value_at(&body, ""), Some(&body));
    }
}
