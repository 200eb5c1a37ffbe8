//! The circuit breaker: a provider that is down, or takes our key or money no more, is not asked again in this run.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use crate::http::clock::lock;

/// Counts requests that failed in a row, retries included in each.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row after which the provider counts as down.
    most: u32,
    state: Mutex<State>,
    stop: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    down: Option<String>,
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
    /// A closed breaker; `stop` is set once it opens.
    pub fn new(most: u32, stop: Arc<AtomicBool>) -> Self {
        Self {
            most,
            state: Mutex::default(),
            stop,
        }
    }

    /// Why the provider is not asked any more, once that is so.
    pub fn down(&self) -> Option<String> {
        lock(&self.state).down.clone()
    }

    pub fn note(&self, sign: Sign) {
        let mut state = lock(&self.state);
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
        state.down.get_or_insert(told);
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_ends_the_run() {
        let stop = Arc::new(AtomicBool::new(false));
        let breaker = Breaker::new(3, Arc::clone(&stop));
        let failed = || Sign::Failed("529".to_owned());
        for sign in [failed(), failed(), Sign::Alive, failed(), failed()] {
            breaker.note(sign);
        }
        assert_eq!(
            (breaker.down(), stop.load(Ordering::Relaxed)),
            (None, false)
        );
        breaker.note(failed());
        let told = "3 requests in a row failed, the last with: 529".to_owned();
        assert_eq!(
            (breaker.down(), stop.load(Ordering::Relaxed)),
            (Some(told), true)
        );
    }
}
