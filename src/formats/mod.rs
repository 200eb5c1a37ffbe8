//! Files people write: checked shapes with errors that teach.

pub mod dataset;
pub mod memory;
pub mod shape;
pub mod suite;
pub mod world;
