//! Sessions to store: whoever dreams. Knows transcripts and stores; never a world or a desk.

mod changes;
pub mod chat;
pub mod command;
pub mod controls;
mod curation;
pub mod embedded;
pub mod hosted;
mod mining;
mod past;
mod rules;
mod silent;
mod writing;

use std::{future::Future, ops::Range, pin::Pin};

use crate::{
    domain::{dream::Dream, memory::Store, session::Session, trial::Usage},
    error::{Error, Result},
};

/// The future of a dream.
pub type Boxed<'a> = Pin<Box<dyn Future<Output = Slept> + Send + 'a>>;

/// What comes of a dream.
pub type Slept = std::result::Result<Dream, InVain>;

/// A dream that came to nothing.
#[derive(Debug)]
pub struct InVain {
    /// Why.
    pub error: Error,
    /// What it took all the same, where that is known.
    pub usage: Option<Box<Usage>>,
}

impl From<Error> for InVain {
    fn from(error: Error) -> Self {
        Self { error, usage: None }
    }
}

/// A dream that left its input as it was.
///
/// # Errors
/// It did not, and was paid for all the same.
pub fn untouched(dream: Dream) -> Slept {
    match dream.check_untouched() {
        Ok(()) => Ok(dream),
        Err(error) => Err(InVain {
            error,
            usage: dream.usage.map(Box::new),
        }),
    }
}

/// The future of a look at whether there can be a dream.
pub type Looked<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Someone who reads sessions and a store, and writes another store. The input is never touched.
pub trait Dreamer: Send + Sync {
    /// Stable across releases: it is part of a run's fingerprint.
    fn name(&self) -> String;

    /// Whether it dreams the same again over the same input, so that no dream need be kept.
    fn is_repeatable(&self) -> bool {
        true
    }

    /// Whether what it costs can be known, where it costs anything.
    fn is_priced(&self) -> bool {
        true
    }

    /// Dollars it may cost to dream over these; `None` where nobody can say.
    fn forecast(&self, _: &[Session], _: &Store) -> Option<Range<f64>> {
        self.is_repeatable().then_some(0.0..0.0)
    }

    /// Looks whether there can be a dream at all, before anything is spent on what it is to be dreamt over.
    ///
    /// # Errors
    /// There cannot.
    fn look_ahead(&self) -> Looked<'_> {
        Box::pin(async { Ok(()) })
    }

    /// Whether a dream over the same was begun before and is paid for already.
    fn has_begun(&self) -> bool {
        false
    }

    /// Dreams once.
    ///
    /// # Errors
    /// The dreamer could not finish; nothing was written.
    fn dream<'a>(&'a self, sessions: &'a [Session], store: &'a Store) -> Boxed<'a>;
}
