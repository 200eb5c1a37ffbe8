//! Waiting: on the wall clock, or told to a test that does not wait.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Longest time between two looks at whether a wait is over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What waits are made on.
#[derive(Debug, Clone)]
pub enum Clock {
    /// Real time, counted from this instant.
    Wall(Instant),
    /// Nobody waits; each wait moves this clock and is written down.
    Told(Arc<Mutex<Told>>),
}

/// A clock that only waits move.
#[derive(Debug, Default)]
pub struct Told {
    now: Duration,
    waits: Vec<Duration>,
}

impl Clock {
    /// Real time.
    pub fn wall() -> Self {
        Self::Wall(Instant::now())
    }

    /// A clock for tests.
    pub fn told() -> Self {
        Self::Told(Arc::default())
    }

    /// Seconds since this clock began.
    pub fn now(&self) -> f64 {
        match self {
            Clock::Wall(began) => began.elapsed().as_secs_f64(),
            Clock::Told(told) => lock(told).now.as_secs_f64(),
        }
    }

    /// Returns once `time` has passed.
    pub async fn wait(&self, time: Duration) {
        match self {
            Clock::Wall(_) => tokio::time::sleep(time).await,
            Clock::Told(told) => {
                {
                    let mut told = lock(told);
                    told.now += time;
                    told.waits.push(time);
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns once `time` has passed, or within a second after `is_over` says so: then with what is left of it.
    pub async fn wait_unless(&self, time: Duration, is_over: impl Fn() -> bool) -> Duration {
        let mut left = time;
        while !left.is_zero() && !is_over() {
            let next = match self {
                Clock::Wall(_) => left.min(LOOK_AGAIN),
                Clock::Told(_) => left,
            };
            self.wait(next).await;
            left -= next;
        }
        left
    }

    /// Every wait so far; none on the wall clock.
    pub fn waits(&self) -> Vec<Duration> {
        match self {
            Clock::Wall(_) => Vec::new(),
            Clock::Told(told) => lock(told).waits.clone(),
        }
    }
}

/// The value behind a lock. A thread that panicked left it whole: nothing here is half done between two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
