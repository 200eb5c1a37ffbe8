//! Records to evidence: plain functions, no decision and no printing.

pub mod evidence;
pub mod frames;
#[cfg(test)]
mod samples;
pub mod table;
