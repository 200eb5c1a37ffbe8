//! All integration tests in one binary, since each binary links Polars anew.
//!
//! Modules are marked as tests so that the lints know their helpers for what they are.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod broken_memory;
#[cfg(test)]
mod broken_suites;
#[cfg(test)]
mod broken_tables;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod compare_published;
#[cfg(test)]
mod hostile_names;
#[cfg(test)]
mod kill_and_resume;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod program;
