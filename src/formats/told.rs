//! What a program tells on its standard output: one JSON object, of which known keys are read and others let be.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{domain::trial::Usage, error::without_place};

/// What is wrong with it, in words that follow the program's name.
pub type Fault = String;

/// An object a program wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Told(Map<String, Value>);

impl Told {
    /// Reads all of a program's output.
    ///
    /// # Errors
    /// It is empty, not UTF-8, not JSON, or not one object.
    pub fn parse(output: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(output).map_err(|fault| {
            format!(
                "wrote an answer that is not UTF-8: byte {} fits no character",
                fault.valid_up_to()
            )
        })?;
        if text.trim().is_empty() {
            return Err("wrote no answer on its standard output".to_owned());
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err("wrote JSON that is not an object".to_owned()),
            Err(fault) => Err(format!(
                "wrote an answer that is not JSON ({} at line {}, column {})",
                without_place(&fault),
                fault.line(),
                fault.column()
            )),
        }
    }

    /// The value of a key; `None` where it is absent or null.
    ///
    /// # Errors
    /// It is of another type.
    pub fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, Fault> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|fault| format!("gave a `{key}` that is not what it should be ({fault})")),
        }
    }

    /// `usage`; every part that is not told is unknown.
    ///
    /// # Errors
    /// A part is of another type, or below zero.
    pub fn usage(&mut self) -> Result<Usage, Fault> {
        let usage: Usage = self.take("usage")?.unwrap_or_default();
        for (name, amount) in [("cost_usd", usage.cost_usd), ("seconds", usage.seconds)] {
            if amount.is_some_and(|it| !it.is_finite() || it < 0.0) {
                return Err(format!("gave a `usage.{name}` below zero"));
            }
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_is_told_for_what_it_is() {
        let fault = |output: &[u8]| Told::parse(output).unwrap_err();
        assert_eq!(fault(b" \n"), "wrote no answer on its standard output");
        assert_eq!(fault(b"[1]"), "wrote JSON that is not an object");
        assert_eq!(
            fault(b"{\"answer\": \"a"),
            "wrote an answer that is not JSON (EOF while parsing a string at line 1, column 13)"
        );
        assert_eq!(
            fault(b"{} {}"),
            "wrote an answer that is not JSON (trailing characters at line 1, column 4)"
        );
        assert_eq!(
            fault(b"{\"a\": \"\xff\"}"),
            "wrote an answer that is not UTF-8: byte 7 fits no character"
        );
    }

    #[test]
    fn unknown_keys_are_let_be_and_wrong_types_are_not() {
        let mut told = Told::parse(
            b"{\"new\": 1, \"answer\": null, \"stop\": 3, \"usage\": {\"steps\": 2, \"new\": 1}}",
        )
        .unwrap();
        assert_eq!(told.take::<String>("answer"), Ok(None));
        assert_eq!(
            told.take::<String>("stop").unwrap_err(),
            "gave a `stop` that is not what it should be (invalid type: integer `3`, expected a string)"
        );
        let usage = told.usage().unwrap();
        assert_eq!((usage.steps, usage.tool_errors), (Some(2), None));
        let mut told = Told::parse(b"{\"usage\": {\"cost_usd\": -1}}").unwrap();
        assert_eq!(
            told.usage().unwrap_err(),
            "gave a `usage.cost_usd` below zero"
        );
    }
}
