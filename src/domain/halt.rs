//! The flag by which a run ends before its last trial, and why.

use std::sync::OnceLock;

/// Why a run ends before its last trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Somebody asked for it.
    Interrupted,
    /// A provider cannot be asked any more, as told.
    Down(String),
    /// The money or the time allowed is used up, as told.
    Spent(String),
    /// Only what is on the disk already was wanted.
    Reading,
}

/// A flag shared by everybody at work on a run. Set once, it stays set, and its first reason stands.
#[derive(Debug, Default)]
pub struct Halt(OnceLock<Why>);

impl Halt {
    /// One that is set from the beginning.
    pub fn set_from_the_start(why: Why) -> Self {
        Self(OnceLock::from(why))
    }

    /// Ends the run after the trials under way; a reason given before stands.
    pub fn set(&self, why: Why) {
        let _ = self.0.set(why);
    }

    /// Whether no further trial may begin.
    pub fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// The reason, once there is one.
    pub fn why(&self) -> Option<&Why> {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stands() {
        let halt = Halt::default();
        assert!(!halt.is_set());
        halt.set(Why::Spent("2 dollars".to_owned()));
        halt.set(Why::Interrupted);
        assert_eq!(halt.why(), Some(&Why::Spent("2 dollars".to_owned())));
    }
}
