//! The money all trials of a run may cost: no trial begins that might not be paid for.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::{
    domain::halt::{Halt, Why},
    error::dollars,
};

/// A bound on what a run costs, in dollars. One more trial begins only where there is room for it and for all under
/// way, each taken to be as dear as the dearest so far; before any is known, one goes first.
#[derive(Debug)]
pub struct Purse {
    most: f64,
    halt: Arc<Halt>,
    state: Mutex<State>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    spent: f64,
    dearest: Option<f64>,
    /// Trials whose cost is known.
    known: u32,
    under_way: u32,
    /// Dollars it would have taken in all to begin what could not be paid for.
    needed: Option<f64>,
}

/// Why a bound cannot be kept.
const UNKNOWN: &str = "what something cost is not known, so `--max-cost` cannot be kept; a model needs a price \
                       (`--models FILE`), a program says `usage.cost_usd`, and an answer that cannot be read tells nothing";

/// What one trial cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cost {
    /// Dollars.
    Known(f64),
    /// It broke before anybody could say; it counts as the dearest, and so does each of so many answers that were lost.
    Broken(u32),
    /// It was paid for, and nobody says how much: the bound cannot be kept.
    Unknown,
}

impl Purse {
    /// A purse with `most` dollars in it; `halt` is set once no trial can be paid for any more.
    pub fn new(most: f64, halt: Arc<Halt>) -> Self {
        Self {
            most,
            halt,
            state: Mutex::default(),
            settled: Notify::new(),
        }
    }

    /// Waits until one more trial can be paid for; `false` where none can.
    pub async fn begin(&self) -> bool {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.halt.is_set() {
                return false;
            }
            {
                let mut state = self.state();
                let is_alone = state.under_way == 0;
                let has_room = match state.dearest {
                    None => is_alone && state.spent < self.most,
                    // The dearest of a few says little, so no more than twice as many are under way.
                    Some(dearest) => {
                        state.under_way < state.known.saturating_mul(2)
                            && state.spent + f64::from(state.under_way + 1) * dearest <= self.most
                    }
                };
                if has_room {
                    state.under_way += 1;
                    return true;
                }
                if is_alone {
                    state.needed = Some(state.spent + state.dearest.unwrap_or(0.0));
                    self.halt.set(Why::Spent(format!(
                        "{} of the {} allowed are spent, which leaves too little for one more trial",
                        dollars(state.spent),
                        dollars(self.most)
                    )));
                    return false;
                }
            }
            settled.await;
        }
    }

    /// A trial that was begun is over.
    pub fn end(&self, cost: Cost) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        drop(state);
        self.note(cost);
    }

    /// A trial of an earlier session was paid for.
    pub fn note(&self, cost: Cost) {
        let mut state = self.state();
        match cost {
            Cost::Known(dollars) => {
                state.known = state.known.saturating_add(1);
                state.spent += dollars;
                state.dearest = Some(state.dearest.map_or(dollars, |it| it.max(dollars)));
            }
            Cost::Broken(lost) => match state.dearest {
                Some(dearest) => state.spent += dearest * f64::from(lost.max(1)),
                None if lost == 0 => {}
                // Nobody has said yet what anything costs, and this may be billed.
                None => self.halt.set(Why::Spent(UNKNOWN.to_owned())),
            },
            Cost::Unknown => self.halt.set(Why::Spent(UNKNOWN.to_owned())),
        }
        drop(state);
        self.settled.notify_waiters();
    }

    /// Something that is no trial was paid for, such as a dream; `None` where nobody says how much.
    pub fn pay(&self, dollars: Option<f64>) {
        match dollars {
            Some(dollars) => self.state().spent += dollars,
            None => self.halt.set(Why::Spent(UNKNOWN.to_owned())),
        }
    }

    /// Whether something that is no trial can be paid for, if it costs no less than this; where it cannot, the run is over.
    pub fn covers(&self, least: Option<f64>, what: &str) -> bool {
        let spent = self.spent();
        let is_covered = spent < self.most && spent + least.unwrap_or(0.0) <= self.most;
        if !is_covered {
            self.state().needed = Some(spent + least.unwrap_or(0.0));
            let needs = match least {
                Some(least) => format!("{what} costs {} or more", dollars(least)),
                None => format!("nothing is left for {what}"),
            };
            self.halt.set(Why::Spent(format!(
                "{} of the {} allowed are spent, and {needs}",
                dollars(spent),
                dollars(self.most)
            )));
        }
        is_covered
    }

    /// A bound with which a run that was ended here goes on for as long again: twice what it needed, in two figures.
    /// `None` where no bound can be kept.
    pub fn more(&self) -> Option<f64> {
        let twice = 2.0 * self.state().needed?.max(self.most);
        let digit = 10_f64.powf(twice.max(1e-6).log10().floor() - 1.0);
        Some((twice / digit).ceil() * digit)
    }

    /// Dollars spent so far.
    pub fn spent(&self) -> f64 {
        self.state().spent
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn begins(purse: &Purse) -> Option<bool> {
        tokio::time::timeout(Duration::from_millis(20), purse.begin())
            .await
            .ok()
    }

    #[tokio::test]
    async fn one_goes_first_and_no_more_begin_than_can_be_paid_for() {
        let halt = Arc::new(Halt::default());
        let purse = Purse::new(1.0, Arc::clone(&halt));
        assert_eq!(begins(&purse).await, Some(true));
        assert_eq!(
            begins(&purse).await,
            None,
            "nobody knows yet what one costs"
        );
        purse.end(Cost::Known(0.3));
        assert_eq!(begins(&purse).await, Some(true));
        assert_eq!(begins(&purse).await, Some(true));
        assert_eq!(begins(&purse).await, None, "0.3 spent, 0.6 under way");
        purse.end(Cost::Known(0.1));
        assert_eq!(begins(&purse).await, Some(true), "0.4 spent, 0.6 under way");
        purse.end(Cost::Known(0.3));
        purse.end(Cost::Broken(0));
        assert_eq!((purse.spent(), halt.is_set()), (1.0, false));
        assert_eq!(begins(&purse).await, Some(false));
        assert!(matches!(halt.why(), Some(Why::Spent(_))));
        assert_eq!(
            purse.more(),
            Some(2.6),
            "1 is spent, and one more costs 0.3"
        );
    }

    #[tokio::test]
    async fn a_cost_nobody_knows_ends_the_run() {
        for unknown in [Cost::Unknown, Cost::Broken(2)] {
            let halt = Arc::new(Halt::default());
            let purse = Purse::new(1.0, Arc::clone(&halt));
            assert_eq!(begins(&purse).await, Some(true));
            purse.end(Cost::Broken(0));
            assert_eq!(begins(&purse).await, Some(true), "nothing was answered");
            purse.end(unknown);
            assert_eq!(begins(&purse).await, Some(false));
            assert_eq!(purse.more(), None);
        }
    }

    #[tokio::test]
    async fn lost_answers_are_taken_to_be_as_dear_as_the_dearest_trial() {
        let purse = Purse::new(9.0, Arc::new(Halt::default()));
        purse.note(Cost::Known(0.5));
        purse.note(Cost::Broken(6));
        assert_eq!(purse.spent(), 3.5);
    }
}
