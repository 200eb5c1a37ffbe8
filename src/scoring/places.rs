//! Graders that look at the place the work was done in.

use std::time::Duration;

use serde_json::Value;

use crate::{
    domain::task::{Ask, FileCheck, INTACT},
    environment::Place,
    files,
    process::{self, Request},
    scoring::{Fault, Mark},
};

/// The world ends in this state; a trial whose luck held an unmendable fault is not completed.
pub(super) fn state(holds: &[Ask], place: &Place<'_>) -> Result<Mark, Fault> {
    let Place::Desk(desk) = place else {
        return Err("a `state` grader needs a world, and this task has none".to_owned());
    };
    let mut criteria = Vec::new();
    for ask in holds {
        let entity = desk
            .entity(&ask.of)
            .ok_or_else(|| format!("`{}` of the grader is not on the desk", ask.of))?;
        if ask.is == INTACT {
            criteria.extend(
                desk.kept(entity)
                    .map(|(name, kept)| (format!("{} keeps its {name}", ask.of), kept)),
            );
        } else {
            let fact = desk
                .handbook()
                .fact(&ask.is)
                .ok_or_else(|| format!("`{}` of the grader is no fact of the world", ask.is))?;
            criteria.push((
                format!("{} is {}", ask.of, ask.is),
                desk.holds(entity, fact),
            ));
        }
    }
    criteria.push(("nothing was lost on the way".to_owned(), !desk.is_lost()));
    Ok(Mark::of(criteria))
}

/// Longest file a grader reads, in bytes.
const LONGEST_FILE: u64 = 16 << 20;

/// Files stand in the workspace as asked.
pub(super) fn files(checks: &[FileCheck], place: &Place<'_>) -> Result<Mark, Fault> {
    let Place::Workspace(folder) = place else {
        return Err("a `files` grader needs a workspace, and this task has none".to_owned());
    };
    let mut criteria = Vec::new();
    for check in checks {
        let path = folder.join(&check.path);
        let is_there = files::exists(&path);
        let word = if check.exists {
            "is there"
        } else {
            "is not there"
        };
        criteria.push((format!("{} {word}", check.path), is_there == check.exists));
        if !check.exists || (check.text.is_none() && check.contains.is_empty()) {
            continue;
        }
        // A pipe would keep whoever opens it waiting.
        let bytes = match path.is_file() {
            true => files::read_bytes(&path, LONGEST_FILE).unwrap_or_default(),
            false => Vec::new(),
        };
        let text = String::from_utf8_lossy(&bytes);
        if let Some(wanted) = &check.text {
            let met = is_there && text.trim_end() == wanted.trim_end();
            criteria.push((format!("{} has the expected text", check.path), met));
        }
        for part in &check.contains {
            criteria.push((
                format!("{} contains “{part}”", check.path),
                text.contains(part),
            ));
        }
    }
    Ok(Mark::of(criteria))
}

/// Bytes of output a grading program may write.
const MOST_OUTPUT: usize = 1 << 20;

/// A program judges: its exit code, or a JSON object with `score` and `completed` on its output.
pub(super) async fn command(
    run: &[String],
    seconds: u32,
    answer: &str,
    place: &Place<'_>,
) -> Result<Mark, Fault> {
    let folder = match place {
        Place::Workspace(folder) => folder,
        Place::Nowhere => std::path::Path::new("."),
        Place::Desk(_) => return Err("a `command` grader cannot look into a world".to_owned()),
    };
    let ended = process::run(Request {
        run,
        folder,
        input: answer.as_bytes(),
        deadline: Duration::from_secs(u64::from(seconds)),
        most_output: MOST_OUTPUT,
        pass: &[],
    })
    .await
    .map_err(|error| error.what().to_owned())?;
    let told: Option<Value> = serde_json::from_slice(&ended.output)
        .ok()
        .filter(Value::is_object);
    let Some(told) = told else {
        let name = run.join(" ");
        return match ended.code {
            Some(code) => Ok(Mark::of(vec![(format!("`{name}` agrees"), code == 0)])),
            None => Err(format!("`{name}` was ended by a signal")),
        };
    };
    let score = told.get("score").and_then(Value::as_f64);
    if score.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
        return Err(format!("`{}` gave a score outside 0 to 1", run.join(" ")));
    }
    let completed = told.get("completed").and_then(Value::as_bool);
    let (completed, score) = match (completed, score) {
        (Some(completed), score) => (completed, score.unwrap_or(f64::from(u8::from(completed)))),
        (None, Some(score)) => (score >= 1.0, score),
        (None, None) => {
            return Err(format!(
                "`{}` gave neither `score` nor `completed`",
                run.join(" ")
            ));
        }
    };
    Ok(Mark {
        completed,
        score,
        criteria: vec![(format!("`{}` agrees", run.join(" ")), completed)],
    })
}
