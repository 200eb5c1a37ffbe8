//! The first screen: the verdict, and the answers to what a reader asks first.

use crate::{
    analysis::evidence::Comparison,
    error::{Result, count},
    promotion::{
        contrast::Finding,
        dream::{DreamVerdict, DreamWord},
        figures::{achieved, arm_words, names, points},
        question::capital,
        verdict::{Cause, LearningVerdict, Verdict},
    },
    report::{
        Inputs, Report, cases,
        page::{Answer, Headline, Mood, Section},
        rows::shortened,
        sections::{
            self,
            learnings::{Place, placed},
        },
    },
};

/// Names an answer gives before it counts the rest.
const NAMED: usize = 2;

/// Characters of a title and of what is said about it.
const LONGEST_TITLE: usize = 80;
const LONGEST_ABOUT: usize = 160;

/// Characters of a name an answer gives.
const LONGEST_NAME: usize = 40;

impl Report {
    /// The report on finished evidence and verdicts.
    ///
    /// # Errors
    ///
    /// A bug of ours where a figure cannot be drawn.
    pub fn new(inputs: &Inputs<'_>) -> Result<Self> {
        let sections = sections::all(inputs)?;
        Ok(Self {
            title: shortened(&inputs.run.title, LONGEST_TITLE),
            about: shortened(&inputs.run.about, LONGEST_ABOUT),
            headline: headline(inputs),
            answers: answers(inputs, &sections),
            sections,
            cases: cases::all(inputs),
        })
    }
}

fn headline(inputs: &Inputs<'_>) -> Headline {
    let dream = &inputs.verdicts.dream;
    let (mood, word) = match dream.verdict {
        DreamWord::Helps => (Mood::Good, "helps"),
        DreamWord::NoUsefulEffect => (Mood::Flat, "no useful effect"),
        DreamWord::Harms => (Mood::Bad, "harms"),
        DreamWord::Undecided => (Mood::Unsure, "undecided"),
    };
    Headline {
        mood,
        word: word.to_owned(),
        sentence: dream.sentence.clone(),
        more: match inputs.headline() {
            Some(_) => not_run(dream),
            None => dream.reasons.clone(),
        },
    }
}

/// What the candidate was not compared with, although that was asked.
fn not_run(dream: &DreamVerdict) -> Vec<String> {
    let not_run = dream.contrasts.iter();
    let not_run = not_run.filter(|it| it.finding == Finding::NotRun);
    not_run.map(|it| it.says.clone()).collect()
}

/// The questions that can be answered, each with a section that was made.
fn answers(inputs: &Inputs<'_>, sections: &[Section]) -> Vec<Answer> {
    let mut answers = Vec::new();
    if let Some(headline) = inputs.headline() {
        answers.push(answer(
            "Compared with what?",
            compared(inputs, headline),
            "compared",
        ));
        answers.push(answer("Did it help?", helped(inputs, headline), "compared"));
        if !inputs.verdicts.learnings.is_empty() {
            answers.push(answer("What stays?", stays(inputs), "stays"));
            answers.push(answer("What was noise?", noise(inputs), "noise"));
        }
        answers.push(answer("Where did it hurt?", hurt(inputs, headline), "hurt"));
    }
    answers.retain(|it| sections.iter().any(|section| section.id == it.section));
    answers
}

fn answer(question: &str, answer: String, section: &str) -> Answer {
    Answer {
        question: question.to_owned(),
        answer,
        section: section.to_owned(),
    }
}

/// `No memory (61 of 201), the store as it was (88 of 201): same 67 tasks, same seeds.`
fn compared(inputs: &Inputs<'_>, headline: &Comparison) -> String {
    let baselines = inputs.evidence.comparisons.iter();
    let arms: Vec<String> = baselines
        .filter(|it| it.candidate == headline.candidate)
        .map(|it| {
            format!(
                "{} ({})",
                arm_words(&it.baseline),
                achieved(&it.baseline_rate, &it.outcome)
            )
        })
        .collect();
    let tasks = count(headline.tasks as usize, "task");
    let how = match inputs.run.fingerprint.is_empty() {
        true => format!("{tasks}, each compared with itself"),
        false => format!("same {tasks}, same seeds"),
    };
    capital(&format!("{}: {how}.", names(&arms, arms.len())))
}

fn helped(inputs: &Inputs<'_>, headline: &Comparison) -> String {
    let word = match inputs.verdicts.dream.verdict {
        DreamWord::Helps => "Yes",
        DreamWord::NoUsefulEffect => "Not usefully",
        DreamWord::Harms => "No, it did harm",
        DreamWord::Undecided => "Not known yet",
    };
    let estimate = headline.difference.estimate;
    format!(
        "{word}: {} attempts against {}{}. {} of {} got better, {} worse.",
        achieved(&headline.candidate_rate, &headline.outcome),
        achieved(&headline.baseline_rate, &headline.outcome),
        estimate.map_or_else(String::new, |it| format!(", {}", points(it))),
        headline.improved,
        count(headline.tasks as usize, "task"),
        headline.regressed,
    )
}

fn stays(inputs: &Inputs<'_>) -> String {
    let kept = placed(inputs, Place::Kept);
    let all = count(inputs.verdicts.learnings.len(), "learning");
    match kept.is_empty() {
        true => format!("None of {all}."),
        false => format!("{} of {all}: {}.", kept.len(), named(&kept)),
    }
}

fn noise(inputs: &Inputs<'_>) -> String {
    let noise = placed(inputs, Place::Noise);
    let useless = noise
        .iter()
        .filter(|it| it.verdict == Verdict::Reject)
        .count();
    let kinds = match (useless, noise.len() - useless) {
        (0, 0) => return "No learning.".to_owned(),
        (_, 0) => "no useful effect".to_owned(),
        (0, _) => "not yet told from noise".to_owned(),
        (useless, unclear) => {
            format!("{useless} without useful effect, {unclear} not yet told from noise")
        }
    };
    let all = count(inputs.verdicts.learnings.len(), "learning");
    format!("{} of {all}, {kinds}: {}.", noise.len(), named(&noise))
}

fn hurt(inputs: &Inputs<'_>, headline: &Comparison) -> String {
    let mut said = Vec::new();
    let harm = placed(inputs, Place::Harm);
    let kinds: Vec<String> = KINDS_OF_HARM
        .into_iter()
        .filter_map(
            |(one, many, is_so)| match harm.iter().filter(|it| is_so(it.cause)).count() {
                0 => None,
                1 => Some(format!("1 {one}")),
                number => Some(format!("{number} {many}")),
            },
        )
        .collect();
    if !kinds.is_empty() {
        let all = count(inputs.verdicts.learnings.len(), "learning");
        said.push(format!(
            "{} of {all} kept out: {}.",
            harm.len(),
            kinds.join(", ")
        ));
    }
    let groups: Vec<String> = inputs
        .verdicts
        .dream
        .hurt
        .iter()
        .map(|it| {
            let name = shortened(&it.group.group, LONGEST_NAME);
            format!("{name} {}", points(it.group.estimate))
        })
        .collect();
    if !groups.is_empty() {
        said.push(format!("Lost: {}.", names(&groups, NAMED)));
    }
    let tasks = count(headline.tasks as usize, "task");
    said.push(match headline.regressed_tasks.first() {
        None => "No task got worse.".to_owned(),
        Some(worst) => format!(
            "{} of {tasks} got worse, {} the most.",
            headline.regressed,
            shortened(&worst.task, LONGEST_NAME)
        ),
    });
    said.join(" ")
}

type IsHarm = fn(Option<Cause>) -> bool;

/// Kinds of harm, for one learning and for several.
const KINDS_OF_HARM: [(&str, &str, IsHarm); 6] = [
    ("does harm", "do harm", |it| it == Some(Cause::Harm)),
    ("harms a role", "harm a role", |it| {
        it == Some(Cause::HarmsARole)
    }),
    ("trips a canary", "trip a canary", |it| {
        it == Some(Cause::Canary)
    }),
    ("raises violations", "raise violations", |it| {
        it == Some(Cause::Violation)
    }),
    ("was screened out", "were screened out", |it| {
        matches!(it, Some(Cause::Leak | Cause::Screen))
    }),
    ("needs review", "need review", |it| {
        it == Some(Cause::NeedsReview)
    }),
];

/// `“a”, “b” and 3 more`, each shortened.
fn named(learnings: &[&LearningVerdict]) -> String {
    let quoted = |it: &&LearningVerdict| format!("“{}”", shortened(&it.name, LONGEST_NAME));
    let all: Vec<String> = learnings.iter().map(quoted).collect();
    names(&all, NAMED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_answers_carry_their_numbers() {
        let report = Report::new(&fixture::helpful().inputs()).expect("a report");
        let answers: Vec<&str> = report.answers.iter().map(|it| it.answer.as_str()).collect();
        assert_eq!(
            answers,
            [
                "No memory (61 of 201), the store as it was (88 of 201) and placebo text (58 of 201): same 67 tasks, \
                 same seeds.",
                "Yes: 152 of 201 attempts against 61 of 201, +45 points. 48 of 67 tasks got better, 3 worse.",
                "7 of 18 learnings: “Save a legacy .wpd as .docx before comp…”, “Run text recognition on a scan \
                 first” and 5 more.",
                "7 of 18 learnings, 4 without useful effect, 3 not yet told from noise: “Redact minors’ names in \
                 family matters”, “Client names are written surname first” and 5 more.",
                "4 of 18 learnings kept out: 1 does harm, 1 harms a role, 1 raises violations, 1 was screened out. \
                 Lost: conflict-check −5.6 points. 3 of 67 tasks got worse, conflict-check-004 the most."
            ]
        );
    }

    #[test]
    fn a_harmful_dream_is_said_to_be_one() {
        let report = Report::new(&fixture::harmful().inputs()).expect("a report");
        assert_eq!(
            (report.headline.mood, report.headline.word.as_str()),
            (Mood::Bad, "harms")
        );
        assert_eq!(
            report.answers[1].answer,
            "No, it did harm: 152 of 201 attempts against 61 of 201, −20 points. 48 of 67 tasks got better, 3 worse."
        );
        assert_eq!(report.answers[2].answer, "None of 18 learnings.");
    }
}
