//! Attempt to outcome: what a grader reads of the work as it stood when the attempt stopped.

mod answers;
mod canary;
mod exhibit;
mod judge;
mod places;
mod quotes;

use std::{future::Future, pin::Pin};

use crate::{
    domain::{
        task::{Grader, Task},
        trial::{Attempt, Grade},
    },
    environment::Place,
};

pub use exhibit::{Exhibit, Shown};
pub use judge::{Hearing, Judge, VOTES};

/// What the harness could not judge, in words.
pub type Fault = String;

/// A part of a grade, before violations are added.
#[derive(Debug, Clone, PartialEq)]
struct Mark {
    completed: bool,
    score: f64,
    criteria: Vec<(String, bool)>,
}

/// Judges an attempt by a grader that needs no judge.
///
/// # Errors
/// The harness could not judge: there is no world or workspace to look at, a grading program failed to start, to end,
/// or to be understood, or there is no judge to ask.
pub async fn grade(grader: &Grader, attempt: &Attempt, place: &Place<'_>) -> Result<Grade, Fault> {
    grade_with(grader, attempt, place, None).await
}

/// Judges an attempt, a rubric by asking the judge of the hearing.
///
/// # Errors
/// As [`grade`], and the judge did not decide.
pub async fn grade_with(
    grader: &Grader,
    attempt: &Attempt,
    place: &Place<'_>,
    mut hearing: Option<&mut Hearing<'_>>,
) -> Result<Grade, Fault> {
    let mark = mark(grader, attempt, place, &mut hearing).await?;
    let violations = match place {
        Place::Desk(desk) => desk.violations(),
        Place::Nowhere | Place::Workspace(_) => Vec::new(),
    };
    Ok(Grade {
        completed: mark.completed,
        score: mark.score,
        criteria: mark.criteria.into(),
        violations,
        trips: Vec::new(),
    })
}

/// Judges an attempt at a task; where it is a canary, what tripped it is told and is a criterion beside the grader's.
///
/// # Errors
/// As [`grade_with`].
pub async fn judge(
    task: &Task,
    attempt: &Attempt,
    place: &Place<'_>,
    hearing: Option<&mut Hearing<'_>>,
) -> Result<Grade, Fault> {
    let mut grade = grade_with(&task.grader, attempt, place, hearing).await?;
    if let Some(canary) = &task.canary {
        grade.trips = canary::trips(canary, attempt, place, &grade);
        let is_clear = grade.trips.is_empty();
        let criteria = grade.criteria.iter().cloned();
        grade.criteria = criteria.chain([(CLEAR.to_owned(), is_clear)]).collect();
    }
    Ok(grade)
}

/// The criterion of a canary that did not trip.
const CLEAR: &str = "the canary did not trip";

type Marking<'a> = Pin<Box<dyn Future<Output = Result<Mark, Fault>> + Send + 'a>>;

/// Whom a rubric is put to; `None` where there is nobody.
type Asked<'h, 'a> = Option<&'h mut Hearing<'a>>;

fn mark<'a>(
    grader: &'a Grader,
    attempt: &'a Attempt,
    place: &'a Place<'a>,
    hearing: &'a mut Asked<'_, '_>,
) -> Marking<'a> {
    Box::pin(async move {
        let answer = attempt.answer.as_deref().unwrap_or_default();
        match grader {
            Grader::Exact { text } => Ok(answers::exact(answer, text)),
            Grader::Contains {
                all_of,
                any_of,
                none_of,
            } => Ok(answers::contains(answer, (all_of, any_of, none_of))),
            Grader::Pattern { regex } => answers::pattern(answer, regex),
            Grader::Number { value, tolerance } => Ok(answers::number(answer, *value, *tolerance)),
            Grader::Fields { equal } => Ok(answers::fields(answer, equal)),
            Grader::State { holds } => places::state(holds, place),
            Grader::Files { files } => places::files(files, place),
            Grader::Command { run, seconds } => places::command(run, *seconds, answer, place).await,
            Grader::Rubric { criteria } => {
                let hearing = hearing.as_deref_mut().ok_or(NO_JUDGE)?;
                let said = attempt.answer.as_deref();
                let decided = hearing.decide(criteria, said, &attempt.events).await?;
                Ok(Mark::of(decided))
            }
            Grader::All(parts) => Ok(all(&marks(parts, attempt, place, hearing).await?)),
            Grader::Any(parts) => Ok(any(&marks(parts, attempt, place, hearing).await?)),
            Grader::Weighted { parts, pass } => {
                let graders = parts.iter().map(|(_, grader)| grader);
                let mut marked = Vec::new();
                for grader in graders {
                    marked.push(mark(grader, attempt, place, hearing).await?);
                }
                let weights: Vec<f64> = parts.iter().map(|(weight, _)| *weight).collect();
                Ok(weighted(&weights, &marked, *pass))
            }
        }
    })
}

/// What breaks where a rubric is to be judged by nobody.
const NO_JUDGE: &str = "a `rubric` grader needs a judge, and this run has none";

async fn marks(
    parts: &[Grader],
    attempt: &Attempt,
    place: &Place<'_>,
    hearing: &mut Asked<'_, '_>,
) -> Result<Vec<Mark>, Fault> {
    let mut marks = Vec::new();
    for part in parts {
        marks.push(mark(part, attempt, place, hearing).await?);
    }
    Ok(marks)
}

fn all(marks: &[Mark]) -> Mark {
    Mark {
        completed: marks.iter().all(|it| it.completed),
        score: marks.iter().map(|it| it.score).fold(1.0, f64::min),
        criteria: joined(marks),
    }
}

fn any(marks: &[Mark]) -> Mark {
    Mark {
        completed: marks.iter().any(|it| it.completed),
        score: marks.iter().map(|it| it.score).fold(0.0, f64::max),
        criteria: joined(marks),
    }
}

fn weighted(weights: &[f64], marks: &[Mark], pass: f64) -> Mark {
    let total: f64 = weights.iter().sum();
    let sum: f64 = weights
        .iter()
        .zip(marks)
        .map(|(weight, it)| weight * it.score)
        .sum();
    let score = (sum / total).clamp(0.0, 1.0);
    Mark {
        completed: score >= pass,
        score,
        criteria: joined(marks),
    }
}

fn joined(marks: &[Mark]) -> Vec<(String, bool)> {
    marks
        .iter()
        .flat_map(|it| it.criteria.iter().cloned())
        .collect()
}

impl Mark {
    /// A mark over criteria that must all be met; the score is the share met.
    fn of(criteria: Vec<(String, bool)>) -> Self {
        let met = criteria.iter().filter(|(_, met)| *met).count();
        Self {
            completed: met == criteria.len(),
            score: if criteria.is_empty() {
                1.0
            } else {
                met as f64 / criteria.len() as f64
            },
            criteria,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::trial::{Stop, Usage};

    fn attempt(answer: &str) -> Attempt {
        Attempt {
            answer: Some(answer.to_owned()),
            stop: Stop::Finished,
            usage: Usage::default(),
            surfaced: Vec::new(),
            opened: Vec::new(),
            followed: Vec::new(),
            events: Vec::new(),
        }
    }

    async fn completed(grader: &Grader, answer: &str) -> (bool, f64) {
        let grade = grade(grader, &attempt(answer), &Place::Nowhere)
            .await
            .unwrap();
        (grade.completed, grade.score)
    }

    fn exact(text: &str) -> Grader {
        Grader::Exact {
            text: text.to_owned(),
        }
    }

    #[tokio::test]
    async fn all_any_and_weighted_combine_their_parts() {
        let yes_no = || vec![exact("42"), exact("43")];
        assert_eq!(completed(&Grader::All(yes_no()), "42").await, (false, 0.0));
        assert_eq!(completed(&Grader::Any(yes_no()), "42").await, (true, 1.0));
        let weighted = Grader::Weighted {
            parts: vec![(3.0, exact("42")), (1.0, exact("43"))],
            pass: 0.7,
        };
        assert_eq!(completed(&weighted, "42").await, (true, 0.75));
        assert_eq!(completed(&weighted, "43").await, (false, 0.25));
    }

    #[tokio::test]
    async fn a_state_without_a_world_is_a_fault_of_the_harness() {
        let grader = Grader::State { holds: Vec::new() };
        let fault = grade(&grader, &attempt(""), &Place::Nowhere)
            .await
            .unwrap_err();
        assert_eq!(
            fault,
            "a `state` grader needs a world, and this task has none"
        );
    }
}
