//! Evidence in, verdicts out: what may stay, what must go, and why. Plain functions; only the ledger reads and writes.

pub mod baseline;
pub mod budget;
pub mod calibration;
pub mod canary;
pub mod contrast;
pub mod doubt;
pub mod dream;
pub mod figures;
pub mod gate;
pub mod learning;
pub mod ledger;
pub mod objected;
pub mod policy;
pub mod question;
pub mod ruling;
pub mod screen;
pub mod selection;
pub mod verdict;
