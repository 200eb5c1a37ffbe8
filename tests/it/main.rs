//! All integration tests in one binary, since each binary links Polars anew.
//!
//! Modules are marked as tests so that the lints know their helpers for what they are.

#[cfg(test)]
mod acting;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod bench_kit;
#[cfg(test)]
mod broken_memory;
#[cfg(test)]
mod broken_suites;
#[cfg(test)]
mod broken_tables;
#[cfg(test)]
mod calibrated;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod chat_dreams;
#[cfg(test)]
mod chat_models;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod compare_published;
#[cfg(test)]
mod court;
#[cfg(test)]
mod credibility;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod dream_truth;
#[cfg(test)]
mod example;
#[cfg(test)]
mod fresh_worlds;
#[cfg(test)]
mod gating;
#[cfg(test)]
mod hosted_attempts;
#[cfg(test)]
mod hosted_command_line;
#[cfg(test)]
mod hosted_details;
#[cfg(test)]
mod hosted_faults;
#[cfg(test)]
mod hosted_room;
#[cfg(test)]
mod hosted_runs;
#[cfg(test)]
mod hosted_tapes;
#[cfg(test)]
mod hosted_tidying;
#[cfg(test)]
mod hosted_traps;
#[cfg(test)]
mod hostile_names;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod kill_and_resume;
#[cfg(test)]
mod model_line;
#[cfg(test)]
mod model_room;
#[cfg(test)]
mod model_server;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod nights;
#[cfg(test)]
mod nothing_hard_coded;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod planted_learnings;
#[cfg(test)]
mod plants;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod program;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod recipes;
#[cfg(test)]
mod reuse;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod screened;
#[cfg(test)]
mod suites_as_promised;
#[cfg(test)]
mod tapes_and_keys;
#[cfg(test)]
mod tool_servers;
