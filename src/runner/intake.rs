//! What workers hand in, up to its commit: what breaks in a row is whoever attempts, and not the trial.

use crate::{
    domain::{
        halt::{Halt, Why},
        trial::Outcome,
    },
    error::Result,
    runner::{
        bench::Played,
        journal::{Journal, Record},
        plan::Stage,
    },
};

/// Trials that were played and are not committed yet.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// What is to be committed next.
    pub waiting: Vec<Played>,
    /// What broke since a trial was graded. It waits for the next that is.
    streak: Vec<Played>,
}

impl Intake {
    /// Takes in a played trial.
    pub fn take(&mut self, played: Played) {
        match played.record.outcome {
            Outcome::Graded(_) => {
                self.waiting.append(&mut self.streak);
                self.waiting.push(played);
            }
            Outcome::Broken(_) => self.streak.push(played),
        }
    }

    /// The stage is over, with these records so far. What broke last stands where it was played to its end; where the run
    /// is being ended it is to be played anew. Practice of which nothing came ends the run: there is nothing to dream over.
    pub fn end(&mut self, stage: Option<Stage>, records: &[Option<Record>], halt: &Halt) {
        let is_graded = |it: &Record| it.outcome.completed().is_some();
        let is_any = records.iter().flatten().any(is_graded) || !self.waiting.is_empty();
        if let (Some(Stage::Practice), false, Some(last)) = (stage, is_any, self.streak.last())
            && let Outcome::Broken(why) = &last.record.outcome
        {
            let told = format!("every practice trial broke, the last one as {why}");
            halt.set(Why::Down(told));
        }
        for played in &mut self.streak {
            played.is_cut_short |= halt.is_set();
        }
        self.waiting.append(&mut self.streak);
    }

    /// Of attempts that are to be played anew only what was paid for them is kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_aside(&mut self, journal: &Journal) -> Result<()> {
        for played in self.waiting.extract_if(.., |it| it.is_cut_short) {
            if played.record.is_paid() {
                journal.set_aside(&played.line)?;
            }
        }
        Ok(())
    }
}
