//! The circuit breaker: a provider that is down, or takes our key or money no more, is not asked again in this run.

use std::sync::{Arc, Mutex};

use crate::{
    domain::halt::{Halt, Why},
    http::clock::lock,
};

/// Counts requests that failed in a row, retries included in each.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row after which the provider counts as down.
    most: u32,
    state: Mutex<State>,
    /// Whom it is about, in words.
    whom: String,
    halt: Arc<Halt>,
}

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    down: Option<String>,
    /// Whether what was made is being removed, and why the provider was down before.
    removing: Option<Option<String>>,
}

/// What one request says of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answered.
    Alive,
    /// It failed, as told.
    Failed(String),
    /// Nothing of this run can succeed there any more, as told.
    Final(String),
}

impl Breaker {
    /// A closed breaker; `halt` is set once it opens.
    pub fn new(most: u32, whom: &str, halt: Arc<Halt>) -> Self {
        Self {
            most,
            state: Mutex::default(),
            whom: whom.to_owned(),
            halt,
        }
    }

    /// Why the provider is not asked any more, once that is so.
    pub fn down(&self) -> Option<String> {
        lock(&self.state).down.clone()
    }

    /// Has a provider asked though it is down, for what it may do all the same: removals cost nothing. What comes of them
    /// says nothing of the run.
    pub fn begin_removal(&self) {
        let mut state = lock(&self.state);
        let before = state.down.take();
        state.removing.get_or_insert(before);
    }

    /// Goes back to what was so before [`Breaker::begin_removal`].
    pub fn end_removal(&self) {
        let mut state = lock(&self.state);
        if let Some(before) = state.removing.take() {
            state.down = before;
        }
    }

    pub fn note(&self, sign: Sign) {
        let mut state = lock(&self.state);
        if state.removing.is_some() {
            return;
        }
        let told = match sign {
            Sign::Alive => {
                state.in_a_row = 0;
                return;
            }
            Sign::Final(told) => told,
            Sign::Failed(told) => {
                state.in_a_row += 1;
                if state.in_a_row < self.most {
                    return;
                }
                format!(
                    "{} requests in a row failed, the last with: {told}",
                    state.in_a_row
                )
            }
        };
        let told = state.down.get_or_insert(told);
        self.halt.set(Why::Down(format!("{}: {told}", self.whom)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_ends_the_run() {
        let halt = Arc::new(Halt::default());
        let breaker = Breaker::new(3, "http://localhost:1", Arc::clone(&halt));
        let failed = || Sign::Failed("529".to_owned());
        for sign in [failed(), failed(), Sign::Alive, failed(), failed()] {
            breaker.note(sign);
        }
        assert_eq!((breaker.down(), halt.is_set()), (None, false));
        breaker.note(failed());
        let told = "3 requests in a row failed, the last with: 529".to_owned();
        let whom = Why::Down(format!("http://localhost:1: {told}"));
        assert_eq!((breaker.down(), halt.why()), (Some(told), Some(&whom)));
    }
    #[test]
    fn removals_are_tried_though_the_money_is_spent_and_end_no_run() {
        let halt = Arc::new(Halt::default());
        let breaker = Breaker::new(2, "http://localhost:1", Arc::clone(&halt));
        let spent = || Sign::Final("spent".to_owned());
        breaker.begin_removal();
        breaker.note(spent());
        assert!(breaker.down().is_none() && !halt.is_set());
        breaker.end_removal();
        assert_eq!(breaker.down(), None);
        breaker.note(spent());
        breaker.begin_removal();
        assert_eq!(breaker.down(), None);
        breaker.end_removal();
        assert_eq!(breaker.down(), Some("spent".to_owned()));
    }
}
