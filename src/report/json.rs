//! JSON as people and scripts read it: pretty, in a stable order, with a newline at the end.

use serde::Serialize;

use crate::error::{Error, Result};

/// `value` as pretty JSON.
///
/// # Errors
///
/// A bug of ours where the value has no JSON form.
pub fn pretty(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::bug("a report could not be written as JSON").because(error))?;
    Ok(text + "\n")
}
