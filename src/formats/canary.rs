//! `canary = { forbidden = ["tool"], honeytoken = "text" }`: what no memory may lead an agent to.

use crate::{
    domain::{
        suite::Setting,
        task::{Canary, Split},
    },
    error::did_you_mean,
    formats::{
        grader::filled,
        shape::{Located, Shape},
        tasks::Frame,
        template::Values,
    },
};

/// Reads what trips a task; a task of split `canary` must say it, and no other may.
pub fn read_canary(
    shape: &Shape<'_>,
    split: Option<Split>,
    values: &Values,
    (id, frame): (&str, &Frame<'_>),
) -> Option<Canary> {
    let since = shape.faults().count();
    let table = shape.shape("canary", "`canary`");
    let keys = shape.keys();
    let at = keys.iter().find(|it| it.value == "canary").map(|it| it.at);
    match (split, at) {
        (Some(Split::Canary), None) => shape.teach(
            shape.at(),
            format!("task `{id}` is of split `canary` and lacks `canary`"),
            "say what trips it, such as `canary.forbidden = [\"tool\"]`",
        ),
        (Some(split @ (Split::Practice | Split::Test | Split::Confirm)), Some(at)) => shape.teach(
            at,
            format!("task `{id}` has `canary` and is of split `{}`", split.word()),
            "only tasks of split `canary` can be tripped; set `split = \"canary\"` or leave the key out",
        ),
        (Some(_) | None, _) => {}
    }
    let table = table?;
    let forbidden = table.texts("forbidden");
    let honeytoken = table.text("honeytoken");
    let canary = Canary {
        forbidden: forbidden
            .into_iter()
            .map(|tool| read_tool(&table, tool, values, frame))
            .collect(),
        honeytoken: honeytoken.map(|text| read_honeytoken(&table, text, values)),
    };
    let place = table.at();
    table.finish();
    if canary.forbidden.is_empty() && canary.honeytoken.is_none() && shape.faults().count() == since
    {
        shape.teach(
            place,
            format!("nothing trips canary `{id}`"),
            "give `forbidden` tools, a `honeytoken`, or both",
        );
    }
    Some(canary)
}

/// A tool that must not be called; one the world does not have could never be.
fn read_tool(
    table: &Shape<'_>,
    tool: Located<String>,
    values: &Values,
    frame: &Frame<'_>,
) -> String {
    let at = tool.at;
    let tool = filled(table, tool, values);
    if let Some(Setting::World(world)) = frame.setting
        && world.handbook.tool(&tool).is_none()
    {
        let known = world.handbook.tools.iter().map(|it| it.name.as_str());
        table.teach(
            at,
            format!("the world has no tool `{tool}` to forbid"),
            did_you_mean(&tool, "tools", known),
        );
    }
    tool
}

/// A text to stay away from; an empty one would stand in everything.
fn read_honeytoken(table: &Shape<'_>, text: Located<String>, values: &Values) -> String {
    let at = text.at;
    let text = filled(table, text, values);
    if text.trim().is_empty() {
        table.teach(
            at,
            "this honeytoken is empty",
            "give a text that stands nowhere else, such as `TKN-4c71`",
        );
    }
    text
}
