//! Which notes a model's calls agree with, as far as the desk's log can tell.

use crate::{
    agents::Given,
    domain::{
        advice::{Advice, Order, Stance},
        tool::Call,
    },
    environment::Desk,
};

/// Indices of the learnings some `do` line of which was done where its conditions held. A model does not say why it
/// acts, so this is agreement and not proof; prose is never held to be followed.
pub(super) fn followed(memory: &[Given<'_>], desk: &Desk) -> Vec<u16> {
    let calls: Vec<Call> = desk.calls().map(|(call, _)| call).collect();
    (0..)
        .zip(memory)
        .filter(|(_, given)| {
            given
                .reading
                .advice
                .iter()
                .any(|it| is_done(it, &calls, desk))
        })
        .map(|(index, _)| index)
        .collect()
}

fn is_done(advice: &Advice, calls: &[Call], desk: &Desk) -> bool {
    advice.stance == Stance::Do
        && calls.iter().enumerate().any(|(at, call)| {
            call.tool == advice.tool
                && advice
                    .with
                    .iter()
                    .all(|(argument, value)| usize::from(call.values[*argument]) == *value)
                && advice
                    .when
                    .iter()
                    .all(|it| it.holds_of(desk.values(call.entity)))
                && is_in_order(advice, calls, at)
        })
}

fn is_in_order(advice: &Advice, calls: &[Call], at: usize) -> bool {
    let entity = calls[at].entity;
    let is_used = |calls: &[Call], tool| {
        calls
            .iter()
            .any(|it| it.entity == entity && it.tool == tool)
    };
    match advice.order {
        None => true,
        Some((Order::Before, other)) => is_used(&calls[at + 1..], other),
        Some((Order::After, other)) => is_used(&calls[..at], other),
    }
}
