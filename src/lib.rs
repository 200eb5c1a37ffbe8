//! Measures whether dreaming helps AI agents, and which of the learnings earned it.

pub mod agents;
pub mod analysis;
pub mod domain;
pub mod draw;
pub mod environment;
pub mod error;
pub mod formats;
pub mod statistics;
