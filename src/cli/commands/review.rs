//! `review`: each learning that waits for a person, and the person's word.

use crate::{
    cli::{
        args::ReviewArgs,
        commands::{
            clock::moment,
            promote::{pin, policy_words},
            report::{again_with, read_run_file},
            runtime, settle,
        },
        exit::Exit,
        speech,
    },
    error::{Error, Result, did_you_mean},
    promotion::{
        figures::{names, points, range},
        ledger::{Custody, Entry, Ledger, entry::Done},
        selection::Selection,
        verdict::LearningVerdict,
    },
    runner::bench::Arm,
    study::{
        Finished,
        conclusion::{Conclusion, conclude_within},
        gating::{budget, candidate},
        promoting::Case,
    },
};

/// What an approval means, in the ledger's words.
const APPROVES: &str = "this learning may be put in force on the evidence of this run";
/// What a refusal means.
const REFUSES: &str =
    "this learning may not be put in force, whatever the evidence, until somebody approves it";
/// Tasks named.
const NAMED: usize = 8;

/// Shows what waits, or writes a person's word into the ledger.
pub fn review(args: &ReviewArgs) -> Result<Exit> {
    let custody = Custody::of(&args.to)?;
    let _lock = custody.lock()?;
    let mut ledger = Ledger::open(&custody.ledger_path())?;
    let (in_force, _) = custody.settle(&ledger)?;
    let file = read_run_file(&args.run)?;
    let policy = settle::policy(args.policy.as_deref())?;
    let (asked, finished) = again_with(&file, &args.run, &runtime()?, args.calibration.as_deref())?;
    let budget = budget(&asked, &ledger);
    let conclusion = conclude_within(&asked, &finished, &policy, &budget)?;
    let case = Case {
        asked: &asked,
        finished: &finished,
        conclusion: &conclusion,
        policy: &policy,
        by: args.by.as_deref().unwrap_or_default(),
    };
    let selection = case.selection(&in_force, &ledger)?;
    let words: Vec<(&String, bool)> = args
        .approve
        .iter()
        .map(|it| (it, true))
        .chain(args.reject.iter().map(|it| (it, false)))
        .collect();
    if words.is_empty() {
        speech::answer(&waiting(args, &finished, &conclusion, &selection)?);
        return Ok(Exit::Done);
    }
    let (Some(by), Some(because)) = (said(args.by.as_ref()), said(args.because.as_ref())) else {
        return Err(Error::usage("an approval needs a name and a reason")
            .mend("add `--by NAME --because \"…\"`"));
    };
    for (id, approved) in &words {
        check_open(known(id, &conclusion)?, *approved, &selection)?;
        if policy.review.four_eyes {
            check_author(candidate(&finished)?, id, &by)?;
        }
    }
    for (id, approved) in words {
        let verdict = known(id, &conclusion)?;
        let entry = Entry::Approval {
            run: asked.fingerprint(),
            learning: verdict.id.clone(),
            approved,
            by: by.clone(),
            meaning: if approved { APPROVES } else { REFUSES }.to_owned(),
            because: because.clone(),
        };
        ledger.append(entry, &moment())?;
    }
    speech::answer(&format!(
        "noted: {} approved, {} rejected by {by}\nnext: dreameval promote {} --to {}{}\n{}",
        args.approve.len(),
        args.reject.len(),
        args.run.display(),
        args.to.display(),
        policy_words(args.policy.as_deref()),
        pin(&ledger)
    ));
    Ok(Exit::Done)
}

/// What was typed, unless it is blank.
fn said(typed: Option<&String>) -> Option<String> {
    typed
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty())
}

/// Nobody approves what they wrote.
fn check_author(arm: &Arm, id: &str, by: &str) -> Result<()> {
    let learning = arm.learnings.iter().find(|it| it.id.as_str() == id);
    let author = learning.and_then(|it| author(arm.store.bytes_of(&it.source)?));
    let is_same = |it: &str| it.trim().to_lowercase() == by.trim().to_lowercase();
    if !author.is_some_and(is_same) {
        return Ok(());
    }
    Err(
        Error::usage(format!("{by} wrote learning `{id}` and may not approve it"))
            .mend("have somebody else review it; the policy asks for four eyes"),
    )
}

/// Who wrote a learning, by its front matter.
fn author(bytes: &str) -> Option<&str> {
    let matter = bytes.trim_start().strip_prefix("---")?;
    let (matter, _) = matter.split_once("\n---")?;
    let mut lines = matter.lines();
    let named = lines.find_map(|it| it.trim().strip_prefix("author:"))?;
    Some(named.trim().trim_matches(['"', '\'']))
}

fn known<'a>(id: &str, conclusion: &'a Conclusion) -> Result<&'a LearningVerdict> {
    let all = &conclusion.verdicts.learnings;
    all.iter().find(|it| it.id == id).ok_or_else(|| {
        let ids = all.iter().map(|it| it.id.as_str());
        Error::usage(format!("this run has no learning `{id}`")).mend(did_you_mean(
            id,
            "learnings",
            ids,
        ))
    })
}

/// Only what earned its place, or was held for a person, can be approved.
fn check_open(verdict: &LearningVerdict, approved: bool, selection: &Selection) -> Result<()> {
    let step = selection.steps.iter().find(|it| it.id == verdict.id);
    let is_open = step.is_some_and(|it| matches!(it.done, Done::Added | Done::Kept | Done::Waits));
    if !approved || is_open {
        return Ok(());
    }
    let why = step.map_or_else(String::new, |it| it.because.clone());
    Err(Error::usage(format!(
        "learning `{}` has not earned promotion, so there is nothing to approve",
        verdict.id
    ))
    .because(why)
    .mend("gather more evidence: `dreameval run` with `--preset promote`"))
}

/// Every learning that waits, with all a reviewer needs.
fn waiting(
    args: &ReviewArgs,
    finished: &Finished,
    conclusion: &Conclusion,
    selection: &Selection,
) -> Result<String> {
    let arm = candidate(finished)?;
    let mut pages = Vec::new();
    for step in selection.steps.iter().filter(|it| it.done == Done::Waits) {
        let verdict = known(&step.id, conclusion)?;
        let learning = arm.learnings.iter().find(|it| it.id.as_str() == step.id);
        let text = learning.map_or("", |it| it.text.trim());
        let mut lines = vec![format!("“{}” ({})", step.name, step.id)];
        lines.extend(text.lines().map(|it| format!("  | {it}")));
        lines.extend(verdict.reasons.iter().map(|it| format!("  {it}")));
        if let (Some(effect), Some(interval)) = (verdict.effect, verdict.interval) {
            lines.push(format!(
                "  effect {}, 95 % interval {}",
                points(effect),
                range(interval)
            ));
        }
        for (word, tasks) in [
            ("helped", &verdict.helped_tasks),
            ("harmed", &verdict.harmed_tasks),
        ] {
            if !tasks.is_empty() {
                lines.push(format!("  {word}: {}", names(tasks, NAMED)));
            }
        }
        lines.extend(replays(args, conclusion, verdict));
        pages.push(lines.join("\n"));
    }
    if pages.is_empty() {
        return Ok("nothing waits for review".to_owned());
    }
    pages.push(format!(
        "next: dreameval review {} --to {}{} --approve ID --by NAME --because \"…\" (or --reject ID)",
        args.run.display(),
        args.to.display(),
        policy_words(args.policy.as_deref())
    ));
    Ok(pages.join("\n\n"))
}

/// The commands that replay one task with the store and without.
fn replays(
    args: &ReviewArgs,
    conclusion: &Conclusion,
    verdict: &LearningVerdict,
) -> Option<String> {
    let task = verdict
        .helped_tasks
        .first()
        .or(verdict.harmed_tasks.first())?;
    let trial = |arm: &str| {
        conclusion.rows.iter().position(|row| {
            row.task.as_str() == task && row.arm.as_str() == arm && row.budget.is_none()
        })
    };
    let run = args.run.display();
    Some(format!(
        "  read task {task} with it and without: dreameval replay {run} {}; dreameval replay {run} {}",
        trial("dreamed")?,
        trial("bare")?
    ))
}
