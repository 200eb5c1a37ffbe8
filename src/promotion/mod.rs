//! Evidence in, verdicts out: what may stay, what must go, and why. Plain functions; nothing here reads or writes.

pub mod canary;
pub mod contrast;
pub mod doubt;
pub mod dream;
pub mod figures;
pub mod learning;
pub mod policy;
pub mod ruling;
pub mod screen;
pub mod verdict;
