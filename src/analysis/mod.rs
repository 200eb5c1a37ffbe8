//! Records to evidence: plain functions, no decision and no printing.

pub mod evidence;
