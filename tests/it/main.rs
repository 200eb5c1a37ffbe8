//! All integration tests in one binary, since each binary links Polars anew.
//!
//! Modules are marked as tests so that the lints know their helpers for what they are.

#[cfg(test)]
mod broken_memory;
#[cfg(test)]
mod broken_tables;
#[cfg(test)]
mod compare_published;
#[cfg(test)]
mod oracle;
