//! Files people write: checked shapes with errors that teach.

pub mod canary;
pub mod dataset;
pub mod fit;
pub mod grader;
pub mod labels;
pub mod memory;
mod servers;
pub mod shape;
pub mod store_template;
pub mod suite;
pub mod tasks;
pub mod template;
pub mod told;
pub mod transcript;
pub mod world;
