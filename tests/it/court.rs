//! A small suite whose answers are judged by a rubric, with agent and judge behind one server of the test's own.

use std::{fs, path::Path, sync::Arc, time::Duration};

use dreameval::{
    agents::chat::{Chat, Delivery},
    chat::{Choice, Model, Provider},
    dreaming::Dreamer,
    files::TemporaryFolder,
    formats::suite::load_suite,
    http::{Clock, Settings},
    runner::{Pace, event::Event, reuse::Earlier},
    scoring::Judge,
    secret::Secret,
    study::{
        self, Finished,
        asked::{Asked, Typed},
        plan::Amount,
    },
};
use regex::Regex;
use serde_json::json;
use tokio::runtime::Builder;

use crate::{
    model_room::KEY,
    model_server::{Act, Seen, Server, anthropic},
};

/// The fact that answers every task, as the store holds it: longer than what counts as a quote.
pub const NOTE: &str = "- Fees of the autumn quarter are due on 30 June of the following year, whoever the client is.\n";
/// The same fact in an answer's own words.
pub const RIGHT: &str = "The fee is due on 30 June.";
/// What an agent without notes says.
pub const WRONG: &str = "The fee is due soon.";

/// Writes the suite below `folder`: so many practice and test tasks, each a family of its own.
pub fn write_suite(folder: &Path, practice: usize, test: usize) {
    let mut text = String::from(
        "format = 1\nname = \"fees\"\nabout = \"Letters about fees\"\nmemory = \"memory/\"\n\
         limits = { steps = 5 }\n\n[[role]]\nname = \"clerk\"\ntools = []\n",
    );
    for (split, number) in [("practice", practice), ("test", test)] {
        for index in 0..number {
            text.push_str(&format!(
                "\n[[task]]\nid = \"{split}-{index}\"\nfamily = \"{split}-{index}\"\nrole = \"clerk\"\n\
                 split = \"{split}\"\nprompt = \"Tell client {index} when the fee is due.\"\n\
                 grade.rubric.criteria = [{{ name = \"names the day\", text = \"The answer names the day.\" }}]\n"
            ));
        }
    }
    fs::create_dir_all(folder.join("memory")).unwrap();
    fs::write(folder.join("suite.toml"), text).unwrap();
    fs::write(folder.join("memory/notes.md"), NOTE).unwrap();
}

/// What a request asks, by its system text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Agent,
    Judge,
    Dreamer,
}

/// Who is asked.
pub fn asks(seen: &Seen) -> Asks {
    let system = seen.body["system"].to_string();
    if system.contains("You judge one piece of work") {
        Asks::Judge
    } else if system.contains("You are given one task") {
        Asks::Agent
    } else {
        Asks::Dreamer
    }
}

/// The first message of a request, whether it is a text or a list of parts.
pub fn first_message(seen: &Seen) -> String {
    let content = &seen.body["messages"][0]["content"];
    let parts = content.as_array().into_iter().flatten();
    let text: String = parts.filter_map(|it| it["text"].as_str()).collect();
    content.as_str().map_or(text, str::to_owned)
}

/// A reply of these words.
pub fn says(text: &str) -> Act {
    Act::json(
        200,
        &anthropic(&[json!({"type": "text", "text": text})], "end_turn"),
    )
}

/// The mark of the question a judge is put.
pub fn mark_of(message: &str) -> String {
    let mark = Regex::new("`verdict ([0-9a-f]{16}): met`").unwrap();
    mark.captures(message).unwrap()[1].to_owned()
}

/// An honest judge: met where the day stands in the answer between the marks of this question.
pub fn honest(seen: &Seen) -> Act {
    let message = first_message(seen);
    let mark = mark_of(&message);
    let (_, rest) = message
        .split_once(&format!("<answer {mark}>"))
        .unwrap_or_default();
    let (answer, _) = rest
        .split_once(&format!("</answer {mark}>"))
        .unwrap_or_default();
    let word = if answer.contains("30 June") {
        "met"
    } else {
        "not met"
    };
    says(&format!("I looked for the day.\nverdict {mark}: {word}"))
}

/// An agent that knows what its notes know.
pub fn clerk(seen: &Seen) -> Act {
    let knows = first_message(seen).contains("30 June");
    says(if knows { RIGHT } else { WRONG })
}

/// A model behind the server.
pub fn model(server: &Server, change: impl Fn(&mut Settings)) -> Model {
    let mut settings = Settings {
        total: Duration::from_millis(400),
        clock: Clock::told(),
        ..Settings::new("")
    };
    change(&mut settings);
    let choice = Choice {
        base_url: Some(server.address.clone()),
        key: Some(Secret::new(KEY)),
        ..Choice::new(Provider::Anthropic, "m")
    };
    Model::new(choice, settings).unwrap()
}

/// A model behind a server that fails often.
pub fn patient(server: &Server) -> Model {
    model(server, |it| it.tries = 12)
}

/// A judge behind the server.
pub fn judge(server: &Server) -> Arc<Judge> {
    Arc::new(Judge::new(model(server, |_| {}), 3).unwrap())
}

/// A run of the suite below `folder`, agent and judge behind the server.
pub fn asked(
    folder: &Path,
    server: &Server,
    dreamer: Arc<dyn Dreamer>,
    judge: Option<Arc<Judge>>,
) -> Asked {
    let mut asked = Asked {
        suite: Arc::new(load_suite(folder, None).unwrap()),
        agent: Arc::new(Chat::new(model(server, |_| {}), Delivery::Context)),
        dreamer,
        platform: None,
        judge: None,
        calibration: None,
        memory: None,
        arms: ["bare", "stored", "dreamed"].map(str::to_owned).to_vec(),
        extra: Vec::new(),
        amount: Amount {
            practice_repeats: 1,
            repeats: 2,
            pairs: 4,
            sweeps: true,
        },
        seed: 1,
        tries_dropped: false,
        typed: Typed::default(),
    };
    asked.judged_by(judge);
    asked
}

/// Plays a run to its end.
pub fn play(asked: &Asked, folder: &TemporaryFolder) -> dreameval::error::Result<Finished> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let pace = Pace {
        workers: 8,
        halt: Arc::default(),
        purse: None,
    };
    let place = folder.path().join("run");
    fs::create_dir_all(place.join("transcripts")).unwrap();
    let (earlier, mut observe) = (Earlier::default(), |_: &Event| {});
    let played = study::run_reusing(asked, &earlier, &place, &pace, &mut observe);
    let finished = runtime.block_on(played)?.unwrap();
    runtime.block_on(finished.settling.end())?;
    Ok(finished)
}

/// The same suite with a store that knows no better than the agent.
pub const STALE: &str = "- Fees are due on 1 May.\n- Write to clients in plain words.\n";

/// A dreamer that learns the day from every session it reads, and knows what is stale.
pub fn dreams(seen: &Seen) -> Act {
    let (system, message) = (seen.body["system"].to_string(), first_message(seen));
    let reply = if system.contains("You read transcripts") {
        let read = Regex::new("session (S[0-9]+):").unwrap();
        let sessions: Vec<&str> = read
            .captures_iter(&message)
            .map(|it| it.get(1).unwrap().as_str())
            .collect();
        json!({"lessons": [{"kind": "preference", "lesson": "Fees are due on 30 June; say the day.", "sessions": sessions}]})
    } else if system.contains("lessons that were drawn") {
        json!({"lessons": [{"kind": "preference", "lesson": "Fees are due on 30 June; say the day.", "of": ["X1", "X2"]}]})
    } else if system.contains("You write the memory") {
        json!({"learnings": [{"shape": "playbook", "name": "Name the day fees are due", "when": "a client asks when",
            "roles": ["clerk"], "body": "Fees are due on 30 June; say the day.", "lessons": ["X1"]}]})
    } else {
        json!({"memory": [
            {"id": "L1", "do": "supersede", "by": "N1", "why": "the sessions show another day"},
            {"id": "L2", "do": "keep", "why": "nothing new touches it"},
        ]})
    };
    says(&format!("Here it is:\n{reply}"))
}
