//! Everything the platform holds, its ids and its times.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    answer::Refusal,
    dreams::Dreaming,
    faults::{Fault, When},
    files::File,
    memories::Store,
    script::Pace,
    sessions::Session,
};

/// A request, as tests look back on it.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Such as `POST`.
    pub method: String,
    /// Without the query, not decoded.
    pub path: String,
    /// Decoded.
    pub query: Vec<(String, String)>,
    /// By lowercase name.
    pub headers: BTreeMap<String, String>,
    /// Null if there was none, or none that is JSON.
    pub body: Value,
    /// Of the answer; 0 if the connection was dropped instead.
    pub status: u16,
    /// Whether the request took effect, or was read at all, although a fault hid the answer.
    pub was_handled: bool,
}

/// An object whose every field is shown.
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) shown: Value,
    /// Older versions, of agents only, oldest first.
    pub(super) versions: Vec<Value>,
}

/// What the platform holds.
pub(super) struct State {
    pub(super) pace: Pace,
    pub(super) agents: BTreeMap<String, Kept>,
    pub(super) environments: BTreeMap<String, Kept>,
    pub(super) stores: BTreeMap<String, Store>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) dreams: BTreeMap<String, Dreaming>,
    pub(super) files: BTreeMap<String, File>,
    pub(super) log: Vec<Logged>,
    pub(super) faults: Vec<(When, Fault)>,
    pub(super) unenrolled: BTreeSet<String>,
    pub(super) may_not_write: bool,
    /// Kind and id of everything ever made, deleted or not.
    pub(super) made: Vec<(&'static str, String)>,
    /// Likewise deleted.
    pub(super) deleted: Vec<(&'static str, String)>,
    numbers: u64,
    seconds: u64,
}

impl State {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            agents: BTreeMap::new(),
            environments: BTreeMap::new(),
            stores: BTreeMap::new(),
            sessions: BTreeMap::new(),
            dreams: BTreeMap::new(),
            files: BTreeMap::new(),
            log: Vec::new(),
            faults: Vec::new(),
            unenrolled: BTreeSet::new(),
            may_not_write: false,
            made: Vec::new(),
            deleted: Vec::new(),
            numbers: 0,
            seconds: 0,
        }
    }

    /// A new id and its number. Ids do not sort in the order they were made.
    pub(super) fn id(&mut self, prefix: &str) -> (String, u64) {
        self.numbers += 1;
        let mixed = self.numbers.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let id = format!("{prefix}_01{mixed:06X}{:05}", self.numbers);
        (id, self.numbers)
    }

    /// The time, a second later than it was told before.
    pub(super) fn now(&mut self) -> String {
        self.seconds += 1;
        told(1_000_000 * (self.pace.began + self.seconds))
    }

    /// Who acts through the interface.
    pub(super) fn key_actor() -> Value {
        json!({"type": "api_actor", "api_key_id": "apikey_01STUB"})
    }

    /// A store that may be written to.
    pub(super) fn open_store(&mut self, id: &str) -> Result<&mut Store, Refusal> {
        let store = self.store(id)?;
        if store.shown["archived_at"].is_string() {
            return Err(Refusal::invalid(format!("memory store {id} is archived")));
        }
        Ok(store)
    }

    pub(super) fn store(&mut self, id: &str) -> Result<&mut Store, Refusal> {
        let found = self.stores.get_mut(id);
        found.ok_or_else(|| Refusal::missing(&format!("memory store {id}")))
    }

    pub(super) fn session(&mut self, id: &str) -> Result<&mut Session, Refusal> {
        let found = self.sessions.get_mut(id).filter(|it| !it.is_deleted);
        found.ok_or_else(|| Refusal::missing(&format!("session {id}")))
    }
}

/// RFC 3339, UTC, to the microsecond.
pub(super) fn told(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + 400 * era + carry;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// Microseconds since 1970 of an RFC 3339 time.
pub(super) fn micros(time: &str) -> Option<i64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, date) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let marks = [
        time.get(4..5)?,
        time.get(7..8)?,
        time.get(13..14)?,
        time.get(16..17)?,
    ];
    let is_joined = matches!(time.get(10..11)?, "T" | "t" | " ");
    if marks != ["-", "-", ":", ":"] || !is_joined || !(1..=12).contains(&month) {
        return None;
    }
    let rest = time.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let digits = fraction.strip_prefix('.').unwrap_or("0");
    let fraction: i64 = format!("{digits:0<6}").get(..6)?.parse().ok()?;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let minutes =
                zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if zone.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    let (years, months) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let day_of_year = (153 * months + 2) / 5 + date - 1;
    let days = 365 * years + years / 4 - years / 100 + years / 400 + day_of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    Some(seconds * 1_000_000 + fraction)
}
