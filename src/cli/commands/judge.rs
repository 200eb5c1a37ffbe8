//! `judge calibrate`: a judge held against human labels.

use std::sync::Arc;

use crate::{
    analysis::judged::{ArmLabels, ArmRate, JudgedEffect, arm_labels, arm_rates, effect, pooled},
    cli::{
        args::{CalibrateArgs, JudgeAction, JudgeCommandArgs, LabelsArgs},
        commands::{
            pages::shell_word,
            reach::Reach,
            report::{again, read_run_file},
            runtime, settle,
        },
        exit::Exit,
        speech,
    },
    domain::{
        halt::{Halt, Why},
        id::Digest,
        trial::Usage,
    },
    error::{Error, Result, count},
    files,
    formats::labels::{Label, read_labels, unblind},
    promotion::figures::{arm_words, percent, points, range},
    runner::transcripts,
    scoring::Judge,
    statistics::{Confidence, CorrectedDifference, Interval, LabelCounts},
    study::{
        asked::Typed,
        calibrating::{self, Asking},
        labelling::{self, Draw},
    },
};

/// Largest table of labels, in bytes.
const LARGEST: u64 = 256 << 20;
const NINETY_FIVE: Confidence = Confidence::NINETY_FIVE;

/// Does what was asked with a judge.
pub fn judge(args: &JudgeCommandArgs) -> Result<Exit> {
    match &args.action {
        JudgeAction::Labels(args) => labels(args),
        JudgeAction::Calibrate(args) => calibrate(args),
    }
}

fn labels(args: &LabelsArgs) -> Result<Exit> {
    let file = read_run_file(&args.run)?;
    let runtime = runtime()?;
    let (asked, finished) = again(&file, &args.run, &runtime)?;
    let library = transcripts::library_of(&args.run);
    let judge = asked.judge.as_deref().ok_or_else(|| {
        Error::usage("nothing in this run was judged")
            .mend("name a run of a suite with `grade.rubric`")
    })?;
    let draw = Draw {
        arms: &args.arms,
        per_arm: args.per_arm as usize,
        seed: args.seed,
    };
    let blind = runtime.block_on(labelling::draw(
        &finished,
        &draw,
        (&judge.digest(), library.as_ref()),
    ))?;
    files::write(&args.out, blind.table.as_bytes())?;
    files::write(&args.key, blind.key.as_bytes())?;
    let (out, key) = (args.out.display(), args.key.display());
    speech::answer(&format!(
        "{} to label: {out}\nkey, for nobody who labels: {key}\nnext: have people write `met` or `not met` under `human`, \
         then dreameval judge calibrate --labels {out} --key {key}{} --out calibration.json",
        count(blind.works, "trial"),
        judge_words(&asked.typed, judge)
    ));
    Ok(Exit::Done)
}

/// The words that name the judge of a run again.
fn judge_words(typed: &Typed, judge: &Judge) -> String {
    let network = &typed.network;
    let base = judge.model().choice().base_url.as_ref();
    let base = base.filter(|it| network.base_url.as_ref() == Some(it));
    let words = [
        ("judge", typed.judge.clone()),
        ("judge-votes", typed.judge_votes.map(|it| it.to_string())),
        ("base-url", base.cloned()),
        ("models", network.models.clone()),
    ];
    let given = words.into_iter().filter_map(|(flag, it)| Some((flag, it?)));
    given
        .map(|(flag, it)| format!(" --{flag} {}", shell_word(&it)))
        .collect()
}

fn calibrate(args: &CalibrateArgs) -> Result<Exit> {
    let bytes = files::read_bytes(&args.labels, LARGEST)?;
    let mut labels = read_labels(&bytes, &args.labels)?;
    let by = match &args.key {
        Some(key) => Some(unblind(
            &mut labels,
            &files::read_bytes(key, LARGEST)?,
            key,
        )?),
        None => None,
    };
    if labels.iter().all(|it| it.human.is_none()) {
        return Err(Error::input("nobody has labelled anything in this table")
            .in_file(&args.labels)
            .mend("have people write `met` or `not met` under `human`, without seeing the arm"));
    }
    let missing = labels.iter().filter(|it| it.judge.is_none()).count();
    let judge = named(args, missing)?;
    if let (Some(judge), Some(by)) = (&judge, &by)
        && judge.digest().to_string() != *by
    {
        return Err(Error::integrity(format!(
            "the judge of this key is another one than `{}`",
            judge.name()
        ))
        .mend("name the model, votes and address that the run was judged with; `judge labels` printed them"));
    }
    let asking = match (&judge, missing) {
        (Some(judge), 1..) => {
            runtime()?.block_on(calibrating::ask(judge, &mut labels, args.jobs as usize))?
        }
        _ => Asking {
            asked: 0,
            usage: None,
        },
    };
    let mut lines = told(args, judge.as_deref(), &labels);
    if let Some(judge) = &judge {
        let table = Digest::of(&bytes);
        let calibration = calibrating::calibration(judge, &labels, table, asking.asked);
        lines.extend(
            calibration
                .doubts()
                .iter()
                .map(|it| format!("caution: {it}")),
        );
        lines.extend(asking.usage.map(|usage| took(&asking, &usage)));
        if let Some(out) = &args.out {
            files::write(out, calibration.text()?.as_bytes())?;
            lines.push(format!(
                "calibration: {0}\nnext: dreameval gate RUN --calibration {0}",
                out.display()
            ));
        }
    }
    speech::answer(&lines.join("\n"));
    Ok(Exit::Done)
}

/// The judge that was named; one whose judgements all stand in the table needs no key.
fn named(args: &CalibrateArgs, missing: usize) -> Result<Option<Arc<Judge>>> {
    let Some(word) = &args.judge.judge else {
        let why = match (missing, &args.out) {
            (1.., _) => format!(
                "{} of this table lack what the judge finds, and no judge is named",
                count(missing, "row")
            ),
            (0, Some(_)) => "a calibration is of one judge, and none is named".to_owned(),
            (0, None) => return Ok(None),
        };
        return Err(Error::usage(why)
            .mend("name the judge: `--judge anthropic:MODEL` or `--judge openai:MODEL`"));
    };
    let halt = Arc::new(match missing {
        0 => Halt::set_from_the_start(Why::Reading),
        _ => Halt::default(),
    });
    let way = Reach::new(&settle::network(&args.models), word, &halt)?;
    let judge = way.judge(word, args.judge.judge_votes)?;
    Ok(Some(Arc::new(judge)))
}

fn told(args: &CalibrateArgs, judge: Option<&Judge>, labels: &[Label]) -> Vec<String> {
    let judged = calibrating::judged(labels);
    let arms = arm_labels(&judged);
    let all = pooled(arms.iter().map(|it| &it.criteria));
    let mut lines = vec![match judge {
        Some(judge) => format!("judge: {} ({})", judge.name(), judge.digest().short()),
        None => "judge: not named; its judgements are taken as the table has them".to_owned(),
    }];
    lines.push(agreement(&all));
    lines.push(fared("in all", &all));
    let is_by_arm = 1 < arms.len();
    let named = |it: &&ArmLabels| is_by_arm && !it.arm.is_empty();
    lines.extend(
        arms.iter()
            .filter(named)
            .map(|it| fared(&arm_words(&it.arm), &it.criteria)),
    );
    lines.push("items found met in every criterion:".to_owned());
    lines.extend(arm_rates(&judged, &arms, NINETY_FIVE).iter().map(rate));
    let pair = [args.candidate.as_str(), args.baseline.as_str()];
    if let Some(found) = effect(&judged, &arms, pair, NINETY_FIVE) {
        lines.extend(differs(pair, &found));
    }
    lines
}

fn agreement(all: &LabelCounts) -> String {
    let agreed = all.true_positive + all.true_negative;
    let share = all
        .agreement()
        .map_or_else(String::new, |it| format!(" ({})", percent(it)));
    let kappa = match all.kappa(NINETY_FIVE) {
        Some((kappa, Some(it))) => format!(
            "kappa {kappa:.2} (95 % interval {:.2} to {:.2})",
            it.low, it.high
        ),
        Some((kappa, None)) => format!("kappa {kappa:.2}"),
        None => "kappa cannot be told, since people or judge found the same throughout".to_owned(),
    };
    format!(
        "agreement: {agreed} of {}{share}; {kappa}",
        count(all.labelled() as usize, "label")
    )
}

fn fared(name: &str, counts: &LabelCounts) -> String {
    let (met, not_met) = counts.intervals(NINETY_FIVE);
    let part = |right: u64, all: u64, interval: Interval| match all {
        0 => "nothing labelled".to_owned(),
        _ => format!("{right} of {all} ({})", share(interval)),
    };
    format!(
        "  {name}: sensitivity {}, specificity {}",
        part(counts.true_positive, counts.labelled_positive, met),
        part(counts.true_negative, counts.labelled_negative, not_met)
    )
}

/// `95 % interval 79 % to 96 %`
fn share(interval: Interval) -> String {
    format!(
        "95 % interval {} to {}",
        percent(interval.low),
        percent(interval.high)
    )
}

fn rate(arm: &ArmRate) -> String {
    let name = match arm.arm.as_str() {
        "" => "in all".to_owned(),
        arm => arm_words(arm),
    };
    let by = match arm.is_by_arm {
        true => "by its own labels",
        false => "by the labels of all arms",
    };
    let corrected = match &arm.corrected {
        None => "nothing can be corrected, since the labels show no judge better than guessing"
            .to_owned(),
        Some(it) => {
            let interval = it.interval.map_or_else(
                || "counts and labels contradict each other".to_owned(),
                share,
            );
            format!(
                "without the judge's errors {} ({interval}; {by})",
                percent(it.estimate.clamp(0.0, 1.0))
            )
        }
    };
    format!(
        "  {name}: {} of {} judged; {corrected}",
        arm.met, arm.judged
    )
}

fn differs([candidate, baseline]: [&str; 2], found: &JudgedEffect) -> Vec<String> {
    let told = |it: &CorrectedDifference| {
        let interval = it.interval.map(|it| range([it.low, it.high]));
        let interval = interval.map_or_else(
            || "no interval can be had".to_owned(),
            |it| format!("95 % interval {it}"),
        );
        format!("{} ({interval})", points(it.estimate))
    };
    let mut lines = vec![format!(
        "{} against {}: {} as judged, over {} judged under both",
        arm_words(candidate),
        arm_words(baseline),
        points(found.judged),
        count(found.shared, "item")
    )];
    let corrected = found.corrected.as_ref();
    lines.extend(corrected.map(|it| {
        format!(
            "  without the judge's errors, where they are alike in both: {}",
            told(it)
        )
    }));
    let by_arm = found.corrected_by_arm.as_ref();
    lines.extend(by_arm.map(|it| format!("  each by its own labels: {}", told(it))));
    let powered = found.powered.as_ref();
    lines.extend(powered.map(|it| {
        format!(
            "  by people's labels, with what the judge found of the rest: {}",
            told(it)
        )
    }));
    lines
}

fn took(asking: &Asking, usage: &Usage) -> String {
    let whole =
        |it: Option<u64>| it.map_or_else(|| "an unknown number of".to_owned(), |it| it.to_string());
    format!(
        "{} asked for: {} input and {} output tokens, {}",
        count(asking.asked as usize, "judgement"),
        whole(usage.input_tokens),
        whole(usage.output_tokens),
        usage
            .cost_usd
            .map_or_else(|| "cost not known".to_owned(), |it| format!("${it:.4}"))
    )
}
