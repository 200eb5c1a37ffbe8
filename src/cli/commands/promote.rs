//! `promote`: what earned its place is put in force, and can be put back.

use std::path::Path;

use crate::{
    cli::{
        args::PromoteArgs,
        commands::{
            clock::{in_days, moment},
            pages,
            report::{again_with, read_run_file},
            runtime, settle,
        },
        exit::Exit,
        speech,
    },
    domain::memory::Store,
    error::{Error, Result, count},
    files,
    formats::store_template::check_filled,
    promotion::{
        ledger::{Custody, Entry, Ledger, entry::Done},
        selection::Selection,
    },
    report::card::{self, CardFacts},
    study::{
        conclusion::conclude_within,
        gating::budget,
        promoting::{self, Case},
    },
};

/// Puts the learnings that earned it in force, or the store before them back.
pub fn promote(args: &PromoteArgs) -> Result<Exit> {
    let custody = Custody::of(&args.to)?;
    let _lock = custody.lock()?;
    let (mut ledger, in_force, was_cut) = opened(args, &custody)?;
    let Some(run) = &args.run else {
        let last = ledger.entries().rev().find(|it| it.replaced().is_some());
        if was_cut && matches!(last, Some(Entry::Rollback { .. })) {
            speech::answer(&pin(&ledger));
            return Ok(Exit::Done);
        }
        return undo(args, &custody, &mut ledger, &in_force);
    };
    let file = read_run_file(run)?;
    let policy = settle::policy(args.policy.as_deref())?;
    let (asked, finished) = again_with(&file, run, &runtime()?, args.calibration.as_deref())?;
    pages::check_stores(&finished, run)?;
    let budget = budget(&asked, &ledger);
    let conclusion = conclude_within(&asked, &finished, &policy, &budget)?;
    let case = Case {
        asked: &asked,
        finished: &finished,
        conclusion: &conclusion,
        policy: &policy,
        by: &args.by,
    };
    let selection = case.selection(&in_force, &ledger)?;
    if args.dry_run {
        speech::answer(&told(&selection, true));
        return Ok(Exit::Done);
    }
    case.tell(&mut ledger, &moment())?;
    let custodian = (&custody, &mut ledger);
    let is_new = case.put(custodian, &in_force, &selection, &moment())?;
    if is_new {
        write_card(&case, &custody, &ledger, &selection)?;
    }
    let waiting = selection.count(Done::Waits);
    let mut lines = vec![match (is_new, waiting) {
        (true, _) => told(&selection, false),
        (false, 0) => "nothing changes: what earned its place is in force already".to_owned(),
        (false, _) => "nothing changes: what else may come in waits for a person".to_owned(),
    }];
    lines.extend(awaited(args, run, waiting));
    lines.extend(own_words(&case, &ledger));
    lines.push(pin(&ledger));
    let objection = conclusion.objection();
    lines.extend(objection.map(|why| format!("no learning was promoted: {why}")));
    speech::answer(&lines.join("\n"));
    Ok(objection.map_or(Exit::Done, |_| Exit::Inconclusive))
}

/// How many learnings wait for a person, and the command that shows them.
fn awaited(args: &PromoteArgs, run: &Path, waiting: usize) -> Option<String> {
    let waits = match waiting {
        0 => return None,
        1 => "1 learning waits".to_owned(),
        many => format!("{many} learnings wait"),
    };
    Some(format!(
        "{waits} for a person: dreameval review {} --to {}{}",
        run.display(),
        args.to.display(),
        policy_words(args.policy.as_deref())
    ))
}

/// That approvals of whoever promotes do not count, where the policy asks for somebody else's.
fn own_words(case: &Case<'_>, ledger: &Ledger) -> Option<String> {
    let own = case.own_approvals(ledger);
    (0 < own).then(|| {
        format!(
            "{} by {} {} only where somebody else promotes: the policy has `review.four_eyes`",
            count(own, "approval"),
            case.by,
            if own == 1 { "counts" } else { "count" }
        )
    })
}

/// The ledger and the store in force; whether a change that was cut short had to be finished first. Saying what would be
/// done touches neither.
fn opened(args: &PromoteArgs, custody: &Custody) -> Result<(Ledger, Store, bool)> {
    if args.dry_run {
        let ledger = Ledger::read(&custody.ledger_path())?;
        let in_force = custody.in_force()?;
        check_filled(&in_force, custody.store_path())?;
        return Ok((ledger, in_force, false));
    }
    let ledger = Ledger::open(&custody.ledger_path())?;
    let (in_force, was_cut) = custody.settle(&ledger)?;
    if was_cut {
        speech::remark("the last change of this store had been cut short; it is finished now");
    }
    Ok((ledger, in_force, was_cut))
}

/// The policy a next command must be given too.
pub fn policy_words(policy: Option<&Path>) -> String {
    policy.map_or_else(String::new, |it| format!(" --policy {}", it.display()))
}

/// The head, to be kept where the ledger is not.
pub fn pin(ledger: &Ledger) -> String {
    format!("ledger head: {}", ledger.head())
}

fn undo(
    args: &PromoteArgs,
    custody: &Custody,
    ledger: &mut Ledger,
    in_force: &Store,
) -> Result<Exit> {
    let said = (
        args.by.as_str(),
        args.because.as_deref().unwrap_or("asked to"),
    );
    let back = promoting::undo((custody, ledger), in_force, said, &moment())?;
    if back.is_some() {
        // It tells of a set that is no longer in force.
        files::remove(&custody.beside(".card.md"))?;
    }
    let Some(back) = back else {
        return Err(Error::usage("there is no promotion left to undo")
            .in_file(&custody.ledger_path())
            .mend("`dreameval ledger show` lists what happened to this store"));
    };
    speech::answer(&format!(
        "the store before the last promotion is in force again: {}\n{}",
        back.short(),
        pin(ledger)
    ));
    Ok(Exit::Done)
}

/// Writes the memory card of what was put in force, beside the store.
///
/// # Errors
/// The disk fails.
pub fn write_card(
    case: &Case<'_>,
    custody: &Custody,
    ledger: &Ledger,
    selection: &Selection,
) -> Result<()> {
    let run = pages::run_info(case.asked, case.finished, "");
    let inputs = pages::bare_inputs(&run, case.conclusion);
    let (digest, head) = (
        selection.store.digest().to_string(),
        ledger.head().to_string(),
    );
    let facts = CardFacts {
        store: &name_of(custody.store_path()),
        digest: &digest,
        head: &head,
        owner: case.by,
        expires: &in_days(case.policy.review.expiry_days),
    };
    let page = card::page(&inputs, selection, &facts);
    files::write(&custody.beside(".card.md"), page.as_bytes())
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |it| it.to_string_lossy().into_owned())
}

/// What was done with each learning, or would be, in lines.
pub fn told(selection: &Selection, would: bool) -> String {
    let in_force = selection.count(Done::Added) + selection.count(Done::Kept);
    let verb = match (would, in_force) {
        (true, _) => "would be",
        (false, 1) => "is",
        (false, _) => "are",
    };
    let mut lines = vec![format!(
        "{} {verb} in force: {} added, {} kept; {} left",
        count(in_force, "learning"),
        selection.count(Done::Added),
        selection.count(Done::Kept),
        selection.count(Done::Left)
    )];
    let shown = [Done::Added, Done::Left, Done::Waits];
    lines.extend(
        selection
            .steps
            .iter()
            .filter(|it| shown.contains(&it.done))
            .map(|it| {
                format!(
                    "  {} “{}” ({}): {}",
                    it.done.word(),
                    it.name,
                    it.id,
                    it.because
                )
            }),
    );
    lines.join("\n")
}
