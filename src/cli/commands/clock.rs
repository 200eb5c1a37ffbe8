//! The only clock that is read.

use jiff::{Timestamp, ToSpan as _};

use crate::promotion::ledger::Moment;

/// Now, as RFC 3339 in UTC.
pub fn now() -> String {
    Timestamp::now().to_string()
}

/// Now, by the clock of this machine.
pub fn moment() -> Moment {
    Moment {
        at: now(),
        clock: "system".to_owned(),
    }
}

/// The day some days from now, as `2026-01-31` in UTC.
pub fn in_days(days: u32) -> String {
    let hours = i64::from(days.min(36_500)) * 24;
    let then = Timestamp::now().checked_add(hours.hours());
    then.unwrap_or_default()
        .to_string()
        .chars()
        .take(10)
        .collect()
}
