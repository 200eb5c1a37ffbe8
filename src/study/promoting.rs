//! A finished run becomes a store in force: what is chosen, and what the ledger is told.

use std::collections::BTreeMap;

use crate::{
    domain::{
        dream::{Action, Dream},
        id::Digest,
        memory::{Learning, Store},
    },
    error::Result,
    formats::memory::learnings,
    promotion::{
        ledger::{
            Custody, Entry, Ledger, Moment,
            entry::{Done, Word},
        },
        policy::Policy,
        selection::{Permission, Selection, as_in_force, select, unite},
        verdict::{LearningVerdict, Verdict},
    },
    study::{
        Finished,
        asked::Asked,
        conclusion::Conclusion,
        gating::{candidate, tried_with},
    },
};

/// A run whose learnings are to be put in force.
pub struct Case<'a> {
    /// What was asked.
    pub asked: &'a Asked,
    /// What was played.
    pub finished: &'a Finished,
    /// What was concluded.
    pub conclusion: &'a Conclusion,
    /// The policy it was concluded under.
    pub policy: &'a Policy,
    /// Who puts it in force.
    pub by: &'a str,
}

impl Case<'_> {
    /// What would be put in force in the place of `in_force`: what was evaluated, and beside it whatever is in force
    /// and was not tried, chosen by the verdicts and by what people said in the ledger.
    ///
    /// # Errors
    /// The run has no candidate.
    pub fn selection(&self, in_force: &Store, ledger: &Ledger) -> Result<Selection> {
        let evaluated = &candidate(self.finished)?.store;
        let own = learnings(evaluated).learnings;
        let before = learnings(in_force).learnings;
        let untried: Vec<&Learning> = before
            .iter()
            .filter(|it| !own.iter().any(|own| own.id == it.id))
            .filter(|it| !self.is_merged(it))
            .collect();
        let united = unite(&as_in_force(evaluated, in_force), in_force, &untried);
        let permission = |it: &LearningVerdict| self.permission(it, ledger);
        Ok(select(
            &united,
            in_force,
            &self.conclusion.verdicts.learnings,
            &permission,
        ))
    }

    /// Whether the dream made this learning one with another.
    fn is_merged(&self, learning: &Learning) -> bool {
        let changes = self.finished.dream.iter().flat_map(|it| &it.changes);
        changes
            .filter(|it| it.action == Action::Merged)
            .any(|it| it.id.as_ref() == Some(&learning.id))
    }

    /// What people said: the last word on a learning counts. An approval is for one run; a refusal holds for later runs too.
    fn permission(&self, verdict: &LearningVerdict, ledger: &Ledger) -> Permission {
        let run = self.asked.fingerprint();
        let is_own = |by: &str| self.is_own(by);
        let said = ledger.entries().rev().find_map(|it| match it {
            Entry::Approval {
                run: of,
                learning,
                approved,
                by,
                because,
                ..
            } if (*of == run || !*approved)
                && *learning == verdict.id
                && !(*approved && is_own(by)) =>
            {
                Some((*approved, by, because))
            }
            _ => None,
        });
        match said {
            Some((false, by, because)) => Permission::Refused(format!("{because} ({by})")),
            Some((true, ..)) => Permission::Given,
            None if self.policy.review.mode == "manual" => Permission::Awaited,
            None if verdict.verdict == Verdict::Promote => Permission::Given,
            None => Permission::Awaited,
        }
    }

    /// How many approvals of this run are of whoever promotes, where the policy asks for somebody else's.
    pub fn own_approvals(&self, ledger: &Ledger) -> usize {
        let run = self.asked.fingerprint();
        let is_own = |it: &&Entry| match it {
            Entry::Approval {
                run: of,
                approved,
                by,
                ..
            } => *of == run && *approved && self.is_own(by),
            _ => false,
        };
        ledger.entries().filter(is_own).count()
    }

    fn is_own(&self, by: &str) -> bool {
        let plain = |it: &str| it.trim().to_lowercase();
        self.policy.review.four_eyes && plain(by) == plain(self.by)
    }

    /// Tells the ledger of the run, its dream and its verdicts, once.
    ///
    /// # Errors
    /// The disk fails.
    pub fn tell(&self, ledger: &mut Ledger, moment: &Moment) -> Result<()> {
        let run = self.asked.fingerprint();
        let policy = Box::new(self.policy.clone());
        let is_told = ledger.entries().any(|it| {
            matches!(it, Entry::Verdicts { run: of, policy: by, .. } if *of == run && *by == policy)
        });
        if is_told {
            return Ok(());
        }
        let says = self.conclusion.verdicts.dream.sentence.clone();
        ledger.append(
            Entry::Run {
                run,
                suite: self.asked.suite.name.clone(),
                agent: self.asked.agent.name(),
                seed: self.asked.seed,
                digests: self.asked.parts(),
                says,
            },
            moment,
        )?;
        if let Some(dream) = &self.finished.dream {
            ledger.append(told_dream(&run, dream), moment)?;
        }
        let words = self.conclusion.verdicts.learnings.iter().map(Word::from);
        ledger.append(
            Entry::Verdicts {
                run,
                tried_with: tried_with(self.asked),
                policy,
                learnings: words.collect(),
            },
            moment,
        )
    }

    /// Puts a selection in force, unless it is what is in force already.
    ///
    /// # Errors
    /// The disk fails, or the store cannot stand there.
    pub fn put(
        &self,
        (custody, ledger): (&Custody, &mut Ledger),
        in_force: &Store,
        selection: &Selection,
        moment: &Moment,
    ) -> Result<bool> {
        let (from, to) = (in_force.digest(), selection.store.digest());
        if from == to {
            return Ok(false);
        }
        let steps = selection.steps.iter().filter(|it| it.done != Done::Passed);
        let entry = Entry::Promotion {
            run: self.asked.fingerprint(),
            from,
            to,
            by: self.by.to_owned(),
            steps: steps.cloned().collect(),
        };
        custody.replace((in_force, &selection.store), ledger, entry, moment)?;
        Ok(true)
    }
}

fn told_dream(run: &Digest, dream: &Dream) -> Entry {
    let mut changes: BTreeMap<String, u32> = BTreeMap::new();
    for change in &dream.changes {
        let word = format!("{:?}", change.action).to_lowercase();
        *changes.entry(word).or_default() += 1;
    }
    Entry::Dream {
        run: *run,
        dreamer: dream.dreamer.clone(),
        sessions: dream.sessions,
        input: dream.input_before,
        output: dream.store.digest(),
        changes,
    }
}

/// Puts the store before the last promotion back; `None` where there is no promotion left to undo.
///
/// # Errors
/// Its texts are gone, or the disk fails.
pub fn undo(
    (custody, ledger): (&Custody, &mut Ledger),
    in_force: &Store,
    (by, because): (&str, &str),
    moment: &Moment,
) -> Result<Option<Digest>> {
    let undone: Vec<u64> = ledger
        .entries()
        .filter_map(|it| match it {
            Entry::Rollback { undoes, .. } => Some(*undoes),
            _ => None,
        })
        .collect();
    let last = ledger
        .lines
        .iter()
        .rev()
        .find_map(|line| match &line.entry {
            Entry::Promotion { from, .. } if !undone.contains(&line.sequence) => {
                Some((line.sequence, *from))
            }
            _ => None,
        });
    let Some((undoes, to)) = last else {
        return Ok(None);
    };
    let store = custody.recall(&to)?;
    let entry = Entry::Rollback {
        undoes,
        from: in_force.digest(),
        to,
        by: by.to_owned(),
        because: because.to_owned(),
    };
    custody.replace((in_force, &store), ledger, entry, moment)?;
    Ok(Some(to))
}
