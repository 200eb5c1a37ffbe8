//! All integration tests in one binary, since each binary links Polars anew.
//!
//! Modules are marked as tests so that the lints know their helpers for what they are.

#[cfg(test)]
mod bench_kit;
mod broken_memory;
mod broken_tables;
mod compare_published;
mod credibility;
mod dream_truth;
mod fresh_worlds;
mod nothing_hard_coded;
mod oracle;
mod planted_learnings;
mod suites_as_promised;
