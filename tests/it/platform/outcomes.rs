//! Outcomes: worked for, evaluated, judged.

use serde_json::{Value, json};

use super::{play::current, script::Verdict, state::State};

/// The outcome worked for.
#[derive(Clone)]
pub(super) struct Outcome {
    id: String,
    iteration: u64,
    most: u64,
    /// Id of the event that began the evaluation.
    started: String,
}

/// Begins to work for what this event defines.
pub(super) fn define(state: &mut State, id: &str, event: &Value) {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let outcome = Outcome {
        id: text("outcome_id"),
        iteration: 0,
        most: event["max_iterations"].as_u64().unwrap_or(3),
        started: String::new(),
    };
    if let Some(session) = state.sessions.get_mut(id) {
        session.actor.outcome = Some(outcome.clone());
    }
    evaluated(
        state,
        id,
        &outcome,
        ("running", ""),
        Some(&text("description")),
    );
}

/// Tells that a turn's work is evaluated; in which iteration.
pub(super) fn evaluate(state: &mut State, id: &str) -> u64 {
    let outcome = state
        .sessions
        .get(id)
        .and_then(|it| it.actor.outcome.clone());
    let Some(mut outcome) = outcome else { return 0 };
    evaluated(state, id, &outcome, ("evaluating", ""), None);
    let event = |kind: &str| json!({"type": kind, "outcome_id": outcome.id, "iteration": outcome.iteration});
    let started = state.emit(id, event("span.outcome_evaluation_start"));
    state.emit(id, event("span.outcome_evaluation_ongoing"));
    outcome.started = started;
    let iteration = outcome.iteration;
    if let Some(session) = state.sessions.get_mut(id) {
        session.actor.outcome = Some(outcome);
    }
    iteration
}

/// Takes the grader's word: another cycle, a closing turn, or the end.
pub(super) fn judged(state: &mut State, id: &str, generation: u64, mut said: Verdict) {
    let Some(actor) = current(state, id, generation) else {
        return;
    };
    let Some(mut outcome) = actor.outcome.take() else {
        return;
    };
    let is_again = said.result == "needs_revision";
    let is_last = outcome.most <= outcome.iteration + 1;
    if is_again && is_last {
        "max_iterations_reached".clone_into(&mut said.result);
    }
    verdict(state, id, &outcome, &said);
    let Some(actor) = current(state, id, generation) else {
        return;
    };
    if is_again && !is_last {
        outcome.iteration += 1;
        actor.outcome = Some(outcome);
    } else if !is_again {
        // Without an outcome left, the empty turn ends at once.
        actor.is_in_turn = true;
    }
}

pub(super) fn verdict(state: &mut State, id: &str, outcome: &Outcome, said: &Verdict) {
    let [input, output, written, read] = state.pace.tokens;
    state.emit(
        id,
        json!({
            "type": "span.outcome_evaluation_end", "outcome_id": outcome.id,
            "outcome_evaluation_start_id": outcome.started, "iteration": outcome.iteration,
            "result": said.result, "explanation": said.explanation,
            "usage": {"input_tokens": input, "output_tokens": output,
                "cache_creation_input_tokens": written, "cache_read_input_tokens": read},
        }),
    );
    evaluated(state, id, outcome, (&said.result, &said.explanation), None);
}

/// Shows in the session how an outcome stands; a description makes a new entry.
fn evaluated(
    state: &mut State,
    id: &str,
    outcome: &Outcome,
    (result, explanation): (&str, &str),
    description: Option<&str>,
) {
    let now = state.now();
    let Some(session) = state.sessions.get_mut(id) else {
        return;
    };
    let Some(all) = session.shown["outcome_evaluations"].as_array_mut() else {
        return;
    };
    if let Some(description) = description {
        all.push(json!({"type": "outcome_evaluation", "outcome_id": outcome.id, "description": description}));
    }
    if let Some(entry) = all
        .iter_mut()
        .find(|it| it["outcome_id"] == outcome.id.as_str())
    {
        let is_final = !["running", "evaluating", "needs_revision"].contains(&result);
        entry["result"] = json!(result);
        entry["iteration"] = json!(outcome.iteration);
        entry["explanation"] = json!(explanation);
        entry["completed_at"] = if is_final { json!(now) } else { Value::Null };
    }
}
