//! A judge held against labels: what the table lacks is asked for, and what comes of it is a calibration.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::{
    analysis::judged::{Judged, arm_labels},
    chat::Tally,
    domain::{id::Digest, task::Criterion, trial::Usage},
    draw::Key,
    error::{Error, Result},
    formats::labels::Label,
    promotion::calibration::Calibration,
    scoring::{Exhibit, Judge},
};

/// What asking for the judgements a table lacked came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asking {
    /// Judgements asked for.
    pub asked: u32,
    /// What that took; `None` where nothing was asked.
    pub usage: Option<Usage>,
}

/// Asks the judge about every row that lacks its judgement, `at_once` at a time. People's labels and arms are not shown.
///
/// # Errors
/// The judge did not decide on one; nothing is kept then.
pub async fn ask(judge: &Arc<Judge>, labels: &mut [Label], at_once: usize) -> Result<Asking> {
    let missing: Vec<usize> = (0..labels.len())
        .filter(|it| labels[*it].judge.is_none())
        .collect();
    let mut under_way: JoinSet<(usize, Answer)> = JoinSet::new();
    let mut tallies = vec![Tally::default(); labels.len()];
    let mut next = missing.iter();
    loop {
        while under_way.len() < at_once.max(1) {
            let Some(index) = next.next() else { break };
            let (judge, label, index) = (Arc::clone(judge), labels[*index].clone(), *index);
            under_way.spawn(async move { (index, one(&judge, &label).await) });
        }
        let Some(ended) = under_way.join_next().await else {
            break;
        };
        let (index, (found, tally)) =
            ended.map_err(|fault| Error::bug("a judgement ended in a panic").because(fault))?;
        tallies[index] = tally;
        labels[index].judge = Some(found.map_err(|why| {
            Error::outside(format!("item `{}` could not be judged", labels[index].item))
                .because(why)
                .mend("try again, or write what the judge finds under `judge`")
        })?);
    }
    let mut tally = Tally::default();
    for it in &tallies {
        tally.join(it);
    }
    Ok(Asking {
        asked: u32::try_from(missing.len()).unwrap_or(u32::MAX),
        usage: (!tally.is_empty()).then(|| tally.usage()),
    })
}

type Answer = (std::result::Result<bool, String>, Tally);

async fn one(judge: &Judge, label: &Label) -> Answer {
    let criterion = Criterion {
        name: label.criterion.clone(),
        text: label.shown.text.clone(),
        events: label.shown.calls.is_some(),
    };
    let exhibit = Exhibit {
        task: &label.shown.brief,
        answer: Some(&label.shown.answer),
        calls: label.shown.calls.as_deref(),
    };
    let address = Key::root(0)
        .word("calibrate")
        .word(&label.item)
        .word(&label.arm);
    let mut tally = Tally::default();
    let found = judge.finds(&criterion, &exhibit, address, &mut tally).await;
    (found, tally)
}

/// The rows that were judged.
pub fn judged(labels: &[Label]) -> Vec<Judged<'_>> {
    labels
        .iter()
        .filter_map(|it| {
            Some(Judged {
                item: &it.item,
                task: &it.task,
                arm: &it.arm,
                human: it.human,
                judge: it.judge?,
            })
        })
        .collect()
}

/// The calibration of a judge by labels that were all judged; `table` is the digest of the file they came from.
pub fn calibration(judge: &Judge, labels: &[Label], table: Digest, asked: u32) -> Calibration {
    let mut criteria: Vec<String> = labels
        .iter()
        .filter(|it| it.human.is_some())
        .map(|it| it.criterion.clone())
        .collect();
    criteria.sort();
    criteria.dedup();
    let all = u32::try_from(labels.len()).unwrap_or(u32::MAX);
    Calibration {
        format: 1,
        judge: judge.name(),
        judge_digest: judge.digest(),
        labels: table,
        asked,
        given: all - asked,
        criteria,
        arms: arm_labels(&judged(labels)),
    }
}
