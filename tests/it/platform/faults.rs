//! Misbehaviour on demand: which requests, and how.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::Value;

use super::fields::Request;

/// Which requests a fault befalls.
#[derive(Debug, Clone)]
pub struct When {
    number: Option<usize>,
    method: Option<String>,
    path: Option<String>,
    parts: Option<usize>,
    skip: usize,
    times: usize,
}

impl When {
    /// The request of this number, from 0, over all connections.
    pub fn request(number: usize) -> Self {
        Self {
            number: Some(number),
            ..Self::always()
        }
        .times(1)
    }

    /// The next request with this method and a path that holds this, once.
    pub fn next(method: &str, path: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: Some(path.to_owned()),
            ..Self::always()
        }
        .times(1)
    }

    /// Every request.
    pub fn always() -> Self {
        Self {
            number: None,
            method: None,
            path: None,
            parts: None,
            skip: 0,
            times: usize::MAX,
        }
    }

    /// Only where the path has so many parts: 3 for a thing itself, and not what is below it.
    pub fn parts(mut self, parts: usize) -> Self {
        self.parts = Some(parts);
        self
    }

    /// So often.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// But not the first so many of them.
    pub fn after(mut self, skipped: usize) -> Self {
        self.skip = skipped;
        self
    }

    fn befalls(&mut self, request: &Request, number: usize) -> bool {
        let is_such = self.number.is_none_or(|it| it == number)
            && self
                .parts
                .is_none_or(|it| it == request.path.matches('/').count())
            && self.method.as_ref().is_none_or(|it| *it == request.method)
            && self
                .path
                .as_ref()
                .is_none_or(|it| request.path.contains(it.as_str()));
        if !is_such || self.times == 0 {
            return false;
        }
        if 0 < self.skip {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// What goes wrong.
#[derive(Clone)]
pub enum Fault {
    /// An error object instead of doing anything: status, type, error code, `retry-after`.
    Refuse(u16, String, Option<String>, Option<String>),
    /// Any answer instead of doing anything: status, headers, body.
    Answer(u16, Vec<(String, String)>, String),
    /// Closes the connection; nothing was done.
    DropBefore,
    /// Does it, and closes the connection without an answer.
    DropAfter,
    /// Does it, promises the answer and sends half.
    Half,
    /// Does it, and sends the answer a byte at a time with this wait before each.
    Drip(Duration),
    /// Does it, and answers with what is no JSON.
    Garbled,
    /// Says nothing, does nothing, and keeps the connection.
    Hang,
    /// Does it, and changes the answer.
    Edit(Edit),
    /// Cuts a stream after so many events, in the middle of a frame if that is asked.
    Cut(usize, Ending),
    /// Sends each event of a stream twice.
    Twice,
    /// Sends `event: error` of this type in a stream after so many events, and closes it.
    ErrorEvent(usize, String),
    /// Changes each event of a stream.
    EditEvents(Edit),
}

/// How a stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Properly, as if there were no more.
    Clean,
    /// The connection is dropped between frames.
    Dropped,
    /// The connection is dropped within the next frame.
    Inside,
}

impl Fault {
    /// 429, with `retry-after` in seconds or without.
    pub fn rate_limited(seconds: Option<&str>) -> Self {
        Self::Refuse(
            429,
            "rate_limit_error".to_owned(),
            None,
            seconds.map(str::to_owned),
        )
    }

    /// The spend cap: 429 that no waiting heals.
    pub fn spend_cap() -> Self {
        let code = "enforced_spend_limit_reached".to_owned();
        Self::Refuse(429, "rate_limit_error".to_owned(), Some(code), None)
    }

    /// 500.
    pub fn server_error() -> Self {
        Self::Refuse(500, "api_error".to_owned(), None, None)
    }

    /// 529.
    pub fn overloaded() -> Self {
        Self::Refuse(529, "overloaded_error".to_owned(), None, None)
    }

    /// Changes the answer.
    pub fn edit(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Edit(Arc::new(edit))
    }

    /// Changes each event of a stream.
    pub fn edit_events(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::EditEvents(Arc::new(edit))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a fault")
    }
}

/// The faults that befall this request.
pub(super) fn befalling(
    faults: &mut [(When, Fault)],
    request: &Request,
    number: usize,
) -> Vec<Fault> {
    let mut found = Vec::new();
    for (when, fault) in faults {
        if when.befalls(request, number) {
            found.push(fault.clone());
        }
    }
    found
}
