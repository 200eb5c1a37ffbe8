//! The nouns: what a suite, a memory, a trial and a world are. No disk, no time, no numbers estimated.

pub mod advice;
pub mod dream;
pub mod halt;
pub mod id;
pub mod memory;
pub mod session;
pub mod suite;
pub mod task;
pub mod tool;
pub mod trial;
pub mod world;
