//! `ledger`: what happened to a store, and whether anything was tampered with.

use crate::{
    cli::{
        args::{LedgerAction, LedgerArgs},
        commands::{clock::moment, promote::pin},
        exit::Exit,
        speech,
    },
    error::{Result, count},
    promotion::ledger::{
        Custody, Entry, Ledger, Line,
        entry::{Done, Step, Word},
    },
};

/// Shows, verifies or redacts.
pub fn ledger(args: &LedgerArgs) -> Result<Exit> {
    match &args.action {
        LedgerAction::Show { store } => {
            let custody = Custody::of(store)?;
            let ledger = Ledger::read(&custody.ledger_path())?;
            let mut lines: Vec<String> = ledger.lines.iter().map(told).collect();
            if lines.is_empty() {
                lines.push("nothing happened to this store yet".to_owned());
            }
            lines.push(pin(&ledger));
            speech::answer(&lines.join("\n"));
        }
        LedgerAction::Verify { store, head } => {
            let custody = Custody::of(store)?;
            let ledger = custody.verify(head.as_deref())?;
            let warning = match head {
                Some(_) => "",
                None => {
                    "\na cut at its end shows only against a head kept elsewhere: `--head HASH`"
                }
            };
            speech::answer(&format!(
                "whole: {}, every kept store and the store in force as the ledger tells\n{}{warning}",
                count(ledger.lines.len(), "line"),
                pin(&ledger)
            ));
        }
        LedgerAction::Adopt { store, by, because } => {
            let custody = Custody::of(store)?;
            let _lock = custody.lock()?;
            let mut ledger = Ledger::open(&custody.ledger_path())?;
            let adopted = custody.adopt(&mut ledger, (by, because), &moment())?;
            let says = match adopted {
                Some(store) => format!("the store as it stands is in force: {}", store.short()),
                None => "nothing changes: the store is what the ledger says".to_owned(),
            };
            speech::answer(&format!("{says}\n{}", pin(&ledger)));
        }
        LedgerAction::Redact {
            store,
            snapshot,
            by,
            because,
        } => {
            let custody = Custody::of(store)?;
            let _lock = custody.lock()?;
            let mut ledger = Ledger::open(&custody.ledger_path())?;
            custody.settle(&ledger)?;
            let gone = custody.redact(snapshot, &mut ledger, (by, because), &moment())?;
            speech::answer(&format!(
                "the texts of store {} are erased; its digest and the reason stay\n{}",
                gone.short(),
                pin(&ledger)
            ));
        }
    }
    Ok(Exit::Done)
}

fn told(line: &Line) -> String {
    let says = of_stores(&line.entry)
        .or_else(|| of_runs(&line.entry))
        .or_else(|| of_people(&line.entry))
        .unwrap_or_default();
    format!("{} {} {} {says}", line.sequence, line.at, line.entry.kind())
}

/// What is told of stores and how they changed.
fn of_stores(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Snapshot {
            store,
            learnings,
            words,
        } => format!(
            "store {} seen: {}, {}",
            store.short(),
            count(*learnings as usize, "learning"),
            count(*words as usize, "word")
        ),
        Entry::Dream {
            dreamer,
            sessions,
            input,
            output,
            ..
        } => format!(
            "{dreamer} dreamt over {} and store {}: store {}",
            count(*sessions as usize, "session"),
            input.short(),
            output.short()
        ),
        Entry::Promotion {
            from,
            to,
            by,
            steps,
            ..
        } => format!(
            "{by} put store {} in the place of {}{}",
            to.short(),
            from.short(),
            moved(steps)
        ),
        _ => return None,
    })
}

/// What is told of runs and nights.
fn of_runs(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Run {
            run,
            suite,
            agent,
            says,
            ..
        } => format!("run {} of {suite} by {agent}: {says}", run.short()),
        Entry::Verdicts { run, learnings, .. } => {
            format!("verdicts of run {}: {}", run.short(), tally(learnings))
        }
        Entry::Gate {
            run, word, reasons, ..
        } => format!(
            "gate on run {}: {word}: {}",
            run.short(),
            reasons.first().map_or("", String::as_str)
        ),
        Entry::Night(night) => match &night.ended {
            None => format!(
                "night {} began with store {}",
                night.night,
                night.began_with.short()
            ),
            Some(end) => format!(
                "night {} ended: {}; store {} with {}",
                night.night,
                end.word,
                end.store.short(),
                count(end.learnings as usize, "learning")
            ),
        },
        _ => return None,
    })
}

/// What people said and asked for.
fn of_people(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Approval {
            learning,
            approved,
            by,
            because,
            ..
        } => {
            let word = if *approved { "approved" } else { "rejected" };
            format!("{by} {word} learning {learning}: {because}")
        }
        Entry::Rollback {
            undoes,
            to,
            by,
            because,
            ..
        } => format!(
            "{by} undid line {undoes}, store {} is in force: {because}",
            to.short()
        ),
        Entry::Adoption {
            to, by, because, ..
        } => format!(
            "{by} took over a change made by hand, store {} is in force: {because}",
            to.short()
        ),
        Entry::Redaction { store, by, because } => {
            format!(
                "{by} erased the texts of store {}: {because}",
                store.short()
            )
        }
        _ => return None,
    })
}

fn tally(words: &[Word]) -> String {
    use crate::promotion::verdict::Verdict;
    let counted = Verdict::ALL.map(|verdict| {
        let number = words.iter().filter(|it| it.verdict == verdict).count();
        format!("{number} {}", verdict.word())
    });
    counted.join(", ")
}

/// What came and what went, each with its reason.
fn moved(steps: &[Step]) -> String {
    steps
        .iter()
        .filter(|it| matches!(it.done, Done::Added | Done::Left))
        .map(|it| {
            format!(
                "\n    {} “{}” ({}): {}",
                it.done.word(),
                it.name,
                it.id,
                it.because
            )
        })
        .collect()
}
