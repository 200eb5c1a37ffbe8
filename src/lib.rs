//! Measures whether dreaming helps AI agents, and which of the learnings earned it.
//!
//! Floors, ground first; a module imports only from floors below its own (kept by `tests/it/architecture.rs`).

pub mod draw;
pub mod error;
pub mod secret;

pub mod domain;
pub mod files;
pub mod statistics;

pub mod http;
pub mod process;

pub mod chat;
pub mod environment;
pub mod formats;
pub mod hosted;
pub mod mcp;

pub mod agents;
pub mod dreaming;
pub mod scoring;

pub mod runner;

pub mod analysis;

pub mod promotion;

pub mod report;
pub mod study;

pub mod cli;
