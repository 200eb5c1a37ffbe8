//! A second, differently built policy: takes whatever useful documented step is possible next, without a plan.
//!
//! It shares no planning code with the planner, so that the two agreeing on a learning says something.

use crate::{
    agents::embedded::counsel::{Counsel, NEUTRAL},
    domain::{
        advice::Order,
        tool::{Answer, Call, MOST_ARGUMENTS},
        trial::Stop,
    },
    draw::Key,
    environment::Desk,
};

/// Plays until all that was asked holds, nothing is left to try, or the budget is spent.
pub fn play(desk: &mut Desk, counsel: &mut Counsel<'_>, key: Key) -> Stop {
    let key = key.word("forager");
    let mut failed: Vec<Call> = Vec::new();
    loop {
        if desk
            .goals()
            .iter()
            .all(|(entity, fact)| desk.holds(*entity, *fact))
        {
            return Stop::Finished;
        }
        let Some((call, why)) = next_call(desk, counsel, key, &failed) else {
            return Stop::GaveUp;
        };
        let Some(answer) = desk.call(call) else {
            return Stop::Steps;
        };
        let seen = desk.values(call.entity).to_vec();
        match answer {
            Answer::Done => {
                counsel.note(&seen, call.tool, &call.values, why);
                failed.retain(|it| {
                    it.entity != call.entity || desk.handbook().tools[call.tool].is_helper()
                });
            }
            Answer::Busy => {}
            Answer::Refused | Answer::NotReady => failed.push(call),
        }
    }
}

/// The open step of greatest worth: what was asked first, then whatever opens more.
fn next_call(
    desk: &Desk,
    counsel: &Counsel<'_>,
    key: Key,
    failed: &[Call],
) -> Option<(Call, Option<(Order, usize)>)> {
    let mut best: Option<(u64, u64, usize, usize)> = None;
    let role = &desk.handbook().roles[desk.role()];
    for entity in 0..desk.entities() {
        if !desk
            .goals()
            .iter()
            .any(|(of, fact)| *of == entity && !desk.holds(*of, *fact))
        {
            continue;
        }
        for tool in role
            .tools
            .iter()
            .copied()
            .filter(|tool| is_open(desk, entity, *tool))
        {
            let gives = desk.handbook().tools[tool].gives?;
            let is_asked = desk.goals().contains(&(entity, gives));
            let fails = failed
                .iter()
                .filter(|it| it.tool == tool && it.entity == entity)
                .count();
            let weight = counsel.of_tool(desk.values(entity), tool);
            // A step that keeps failing sinks below its rivals, but never below giving up.
            let worth = (u64::from(weight) << u8::from(is_asked)) / (1 + fails as u64 / 3);
            let luck = key.word("step").number(entity as u64).draw(tool as u64);
            if best.is_none_or(|(value, prior, ..)| (worth, luck) > (value, prior)) {
                best = Some((worth, luck, entity, tool));
            }
        }
    }
    let mut excluded: Vec<(usize, usize)> = Vec::new();
    while let Some((_, _, entity, tool)) = best {
        if let Some(step) = way_in(desk, counsel, key, (entity, tool), failed) {
            return Some(step);
        }
        excluded.push((entity, tool));
        best = (0..desk.entities())
            .flat_map(|entity| role.tools.iter().map(move |tool| (entity, *tool)))
            .find(|it| {
                is_open(desk, it.0, it.1)
                    && !excluded.contains(it)
                    && desk
                        .goals()
                        .iter()
                        .any(|(of, fact)| *of == it.0 && !desk.holds(*of, *fact))
            })
            .map(|(entity, tool)| (0, 0, entity, tool));
    }
    None
}

/// A main tool that is documented to be possible now and would make a new fact hold.
fn is_open(desk: &Desk, entity: usize, tool: usize) -> bool {
    let tool = &desk.handbook().tools[tool];
    tool.works_on(desk.kind(entity))
        && tool.gives.is_some_and(|fact| !desk.holds(entity, fact))
        && tool.requires.iter().all(|fact| desk.holds(entity, *fact))
}

/// How to use a tool now: a helper that memory wants first, the plain call, or an untried variation of it.
fn way_in(
    desk: &Desk,
    counsel: &Counsel<'_>,
    key: Key,
    (entity, tool): (usize, usize),
    failed: &[Call],
) -> Option<(Call, Option<(Order, usize)>)> {
    let seen = desk.values(entity);
    let key = key.number(entity as u64).number(tool as u64);
    let advised = counsel
        .helpers(seen, Order::Before, tool)
        .into_iter()
        .filter(|first| counsel.of_order(seen, *first, tool) > NEUTRAL)
        .max_by_key(|first| {
            (
                counsel.of_order(seen, *first, tool),
                key.draw(*first as u64),
            )
        });
    if let Some(first) = advised {
        let call = with_values(desk, counsel, key, (entity, first));
        if !desk.was_used(entity, first) && !failed.contains(&call) {
            return Some((call, Some((Order::Before, tool))));
        }
    }
    let plain = with_values(desk, counsel, key, (entity, tool));
    if !failed.contains(&plain) {
        return Some((plain, None));
    }
    variation(desk, counsel, key, plain, failed)
}

/// A refused call with one thing changed: a helper first (then the plain call is open again), or a value.
fn variation(
    desk: &Desk,
    counsel: &Counsel<'_>,
    key: Key,
    plain: Call,
    failed: &[Call],
) -> Option<(Call, Option<(Order, usize)>)> {
    let book = desk.handbook();
    let seen = desk.values(plain.entity);
    let mut options: Vec<(u32, u64, Call, bool)> = Vec::new();
    for (argument, known) in book.tools[plain.tool].arguments.iter().enumerate() {
        for value in 0..u8::try_from(known.values.len()).unwrap_or(u8::MAX) {
            let mut call = plain;
            call.values[argument] = value;
            let weight = counsel.of_value(seen, plain.tool, (argument, usize::from(value)));
            if !failed.contains(&call) && (weight > NEUTRAL || !breaches(desk, &call)) {
                options.push((
                    weight,
                    key.number(7)
                        .draw((argument * 16) as u64 + u64::from(value)),
                    call,
                    false,
                ));
            }
        }
    }
    for helper in book.roles[desk.role()].tools.iter().copied() {
        let tool = &book.tools[helper];
        if !tool.is_helper()
            || !tool.works_on(desk.kind(plain.entity))
            || desk.was_used(plain.entity, helper)
        {
            continue;
        }
        let call = with_values(desk, counsel, key, (plain.entity, helper));
        let weight = counsel.of_order(seen, helper, plain.tool);
        if !failed.contains(&call) && (weight > NEUTRAL || !breaches(desk, &call)) {
            options.push((weight, key.number(8).draw(helper as u64), call, true));
        }
    }
    let (_, _, call, is_help) = options
        .into_iter()
        .max_by_key(|(weight, luck, ..)| (*weight, *luck))?;
    Some((call, is_help.then_some((Order::Before, plain.tool))))
}

fn with_values(
    desk: &Desk,
    counsel: &Counsel<'_>,
    key: Key,
    (entity, tool): (usize, usize),
) -> Call {
    let seen = desk.values(entity);
    let mut call = Call {
        tool,
        entity,
        values: [0; MOST_ARGUMENTS],
    };
    for (argument, known) in desk.handbook().tools[tool].arguments.iter().enumerate() {
        let best = (0..u8::try_from(known.values.len()).unwrap_or(u8::MAX))
            .filter_map(|value| {
                let weight = counsel.of_value(seen, tool, (argument, usize::from(value)));
                let mut tried = call;
                tried.values[argument] = value;
                let luck = key
                    .number(9 + tool as u64)
                    .draw((argument * 16) as u64 + u64::from(value));
                (weight > NEUTRAL || !breaches(desk, &tried)).then_some((weight, luck, value))
            })
            .max();
        call.values[argument] = best.map_or(0, |(_, _, value)| value);
    }
    call
}

fn breaches(desk: &Desk, call: &Call) -> bool {
    let seen = desk.values(call.entity);
    desk.handbook()
        .policies
        .iter()
        .any(|policy| policy.is_breached_by(call, seen))
}
