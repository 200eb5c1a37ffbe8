//! Worlds played by models behind a server that misbehaves: every trial ends graded or broken with its reason, and
//! each answered request is counted once.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dreameval::{
    agents::chat::{Chat, Delivery},
    chat::{Choice, Model, Provider},
    domain::{
        id::ArmName,
        memory::Store,
        suite::Suite,
        trial::{Outcome, Stop},
    },
    draw::Key,
    files::TemporaryFolder,
    formats::{memory, suite::load_suite, transcript::write_session},
    http::{Clock, Secret, Settings, Transport},
    runner::{
        bench::{Bench, Played},
        plan::PlannedTrial,
    },
    study::plan::{Amount, Roster, replay},
};
use serde_json::{Value, json};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::{
    model_server::{
        Act, INPUT, OUTPUT, Seen, Server, anthropic, assert_results_follow_calls, clerk,
    },
    program::post_room,
};

const KEY: &str = "sk-planted-4242-do-not-show";
const BOTH: [Provider; 2] = [Provider::Anthropic, Provider::OpenAi];

/// A post room played by a model.
struct Room {
    bench: Arc<Bench>,
    trials: Vec<PlannedTrial>,
    runtime: Runtime,
    agent: Arc<Chat>,
}

/// How a test differs from the default.
struct Set {
    settings: Settings,
    choice: Choice,
    repeats: u32,
    seconds: u32,
}

impl Set {
    fn of(provider: Provider, server: &Server) -> Self {
        let base = match provider {
            Provider::Anthropic => server.address.clone(),
            Provider::OpenAi => format!("{}/v1", server.address),
        };
        Self {
            settings: Settings {
                total: Duration::from_millis(400),
                clock: Clock::told(),
                ..Settings::new("")
            },
            choice: Choice {
                base_url: Some(base),
                key: Some(Secret::new(KEY)),
                ..Choice::new(provider, "m")
            },
            repeats: 1,
            seconds: 60,
        }
    }

    fn room(self) -> Room {
        let model = Model::new(self.choice, self.settings).unwrap();
        let agent = Arc::new(Chat::new(model, Delivery::Context));
        let mut suite: Suite = load_suite(&post_room(), None).unwrap();
        for task in &mut suite.tasks {
            task.brief.limits.seconds = self.seconds;
        }
        let store = suite.memory.clone();
        let mut bench = Bench::new(Arc::new(suite), Arc::<Chat>::clone(&agent), 1).unwrap();
        for (name, store) in [("bare", Store::default()), ("stored", store)] {
            let learnings = memory::learnings(&store);
            bench.add_arm(ArmName::new(name), store, learnings).unwrap();
        }
        let roster = Roster {
            replayed: vec![0, 1],
            swept: Vec::new(),
            attributed: None,
        };
        let amount = Amount {
            practice_repeats: 0,
            repeats: self.repeats,
            pairs: 0,
        };
        Room {
            trials: replay(&bench.suite, &bench.arms, &roster, &amount, 1),
            bench: Arc::new(bench),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            agent,
        }
    }
}

impl Room {
    /// Plays all trials, eight at a time, and returns them in plan order.
    fn play(&self) -> Vec<Played> {
        self.runtime.block_on(async {
            let mut played = Vec::new();
            let mut under_way = JoinSet::new();
            for (position, trial) in self.trials.iter().cloned().enumerate() {
                if under_way.len() == 8 {
                    played.push(under_way.join_next().await.unwrap().unwrap());
                }
                let bench = Arc::clone(&self.bench);
                under_way.spawn(async move { bench.play(&trial, position).await });
            }
            played.extend(under_way.join_all().await);
            played.sort_by_key(|it: &Played| it.position);
            played
        })
    }

    fn first(&self) -> Played {
        self.runtime.block_on(self.bench.play(&self.trials[0], 0))
    }

    fn first_session(&self) -> String {
        let session = self.runtime.block_on(self.bench.recreate(&self.trials[0]));
        write_session(&session.unwrap())
    }
}

fn broken(played: &Played) -> String {
    match &played.record.outcome {
        Outcome::Broken(told) => told.clone(),
        Outcome::Graded(_) => String::new(),
    }
}

fn steady() -> Server {
    Server::start(|seen, _| Act::json(200, &clerk(seen)))
}

/// The first trial where every request is answered like this, with `tries` tries.
fn always(provider: Provider, tries: u32, act: Act) -> (Played, usize) {
    let server = Server::start(move |_, _| act.clone());
    let mut set = Set::of(provider, &server);
    set.settings.tries = tries;
    let played = set.room().first();
    (played, server.seen().len())
}

#[test]
fn a_model_plays_a_world_through_its_tools_in_both_protocols() {
    for provider in BOTH {
        let server = steady();
        let mut set = Set::of(provider, &server);
        let table = "[m]\ninput = 1.0\noutput = 5.0\ncache_read = 0.1\n";
        set.choice
            .prices
            .extend(table, Path::new("prices.toml"))
            .unwrap();
        let room = set.room();
        let played = room.play();
        server.seen().iter().for_each(assert_results_follow_calls);
        let is_sent = |it: &&Played| match &it.record.outcome {
            Outcome::Graded(grade) => grade.criteria[0].1,
            Outcome::Broken(told) => panic!("{told}"),
        };
        // A few faults nobody can mend are part of the world.
        let sent = played.iter().filter(is_sent).count();
        assert!(played.len() * 9 / 10 <= sent, "{sent} of {}", played.len());
        let usage = played[0].record.usage.unwrap();
        let turns = usage.input_tokens.unwrap() / INPUT;
        assert_eq!(usage.output_tokens, Some(turns * OUTPUT));
        assert_eq!(usage.cache_read_tokens, Some(turns * 7));
        let cost = turns as f64 * (100.0 + 10.0 * 5.0 + 7.0 * 0.1) / 1e6;
        assert!((usage.cost_usd.unwrap() - cost).abs() < 1e-12);
        // The clerk converts before it opens, as the store's first note says of some letters.
        assert!(
            played
                .iter()
                .any(|it| it.record.followed == [0] && it.record.surfaced.contains(&0))
        );
        assert_eq!(played[0].record.stop, Some(Stop::Finished));
        assert!(server.connections() <= 8, "{}", server.connections());
    }
}

#[test]
fn a_third_of_faults_break_no_trial_and_each_answer_is_counted_once() {
    for provider in BOTH {
        let answered = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&answered);
        let server = Server::start(move |seen, number| {
            let body = clerk(seen).to_string();
            match Key::root(5).below(number as u64, 27) {
                0 => Act::Answer(429, vec![("retry-after", "1".to_owned())], "{}".to_owned()),
                1 => Act::Answer(429, Vec::new(), "{}".to_owned()),
                2 => Act::json(500, &json!({"error": {"message": "oops"}})),
                3 => Act::json(
                    529,
                    &json!({"type": "error", "error": {"type": "overloaded_error"}}),
                ),
                4 => Act::Drop,
                5 => Act::Half(body),
                6 => Act::Drip(body),
                7 => Act::Answer(200, Vec::new(), "<html>".to_owned()),
                _ => {
                    count.fetch_add(1, Ordering::Relaxed);
                    Act::Answer(200, Vec::new(), body)
                }
            }
        });
        let mut set = Set::of(provider, &server);
        set.settings.tries = 12;
        let played = set.room().play();
        let told: Vec<String> = played
            .iter()
            .map(broken)
            .filter(|it| !it.is_empty())
            .collect();
        assert_eq!(told, Vec::<String>::new());
        let input: u64 = played
            .iter()
            .map(|it| it.record.usage.unwrap().input_tokens.unwrap())
            .sum();
        assert_eq!(input, answered.load(Ordering::Relaxed) * INPUT);
    }
}

/// A fault, the beginning of the reason it must give, and how often two tries may ask.
fn lasting_faults() -> Vec<(Act, &'static str, usize)> {
    let reply = anthropic(&[json!({"type": "text", "text": "hello"})], "end_turn").to_string();
    let error = |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}});
    let html = Act::Answer(200, Vec::new(), "<html>".to_owned());
    let cut = "anthropic gave no answer: the connection was cut: ";
    let late = "anthropic gave no answer: no answer in time (2 tries)";
    let no_json = "anthropic gave no answer: the answer is not JSON: `<html>` (2 tries)";
    let overloaded = "anthropic answered 529: overloaded_error: Overloaded";
    let too_long = "anthropic answered 400: invalid_request_error: too long";
    let no_content = "anthropic sent a reply that cannot be read: it has no `content`";
    vec![
        (Act::Drop, cut, 2),
        (Act::Half(reply.clone()), cut, 2),
        (Act::Drip(reply), late, 2),
        (Act::Hang, late, 2),
        (html, no_json, 2),
        (
            Act::json(529, &error("overloaded_error", "Overloaded")),
            overloaded,
            2,
        ),
        (Act::json(429, &json!({})), "anthropic answered 429: {}", 2),
        (
            Act::json(400, &error("invalid_request_error", "too long")),
            too_long,
            1,
        ),
        (
            Act::json(200, &error("api_error", "late")),
            "anthropic answered 200: api_error: late",
            1,
        ),
        (Act::json(200, &json!({"id": "msg_1"})), no_content, 1),
    ]
}

#[test]
fn each_lasting_fault_breaks_the_trial_with_its_own_reason() {
    for (act, reason, requests) in lasting_faults() {
        let (played, seen) = always(Provider::Anthropic, 2, act);
        let told = broken(&played);
        assert!(told.starts_with(reason), "{told}");
        assert_eq!((seen, played.record.usage), (requests, None), "{reason}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let mut set = Set::of(Provider::OpenAi, &steady());
    set.choice.base_url = Some("http://127.0.0.1:1/v1".to_owned());
    set.settings.tries = 2;
    let told = broken(&set.room().first());
    assert!(
        told.starts_with("openai gave no answer: no connection: "),
        "{told}"
    );
}

#[test]
fn trap_04_a_spend_cap_is_asked_once_and_ends_the_run() {
    let body =
        json!({"error": {"code": "insufficient_quota", "message": "You exceeded your quota"}});
    let server = Server::start(move |_, _| Act::json(429, &body));
    let set = Set::of(Provider::OpenAi, &server);
    let stop = Arc::clone(&set.settings.stop);
    let room = set.room();
    assert_eq!(
        broken(&room.first()),
        "openai answered 429: insufficient_quota: You exceeded your quota"
    );
    assert_eq!(
        (server.seen().len(), stop.load(Ordering::Relaxed)),
        (1, true)
    );
    assert_eq!(
        room.agent.model().down().as_deref(),
        Some("the provider says that the money is spent")
    );
}

#[test]
fn a_provider_that_is_down_ends_the_run_and_is_asked_no_more() {
    let server = Server::start(|_, _| Act::json(503, &json!({"error": "down"})));
    let mut set = Set::of(Provider::OpenAi, &server);
    (set.settings.tries, set.settings.most_failures) = (2, 3);
    let stop = Arc::clone(&set.settings.stop);
    let room = set.room();
    let told: Vec<String> = (0..4).map(|_| broken(&room.first())).collect();
    assert_eq!(told[2], "openai answered 503: down");
    assert_eq!(
        told[3],
        "openai is not asked any more in this run: 3 requests in a row failed, the last with: status 503"
    );
    assert_eq!(
        (server.seen().len(), stop.load(Ordering::Relaxed)),
        (6, true)
    );
}

#[test]
fn waits_follow_the_headers_and_grow_where_there_are_none() {
    let server = Server::start(|seen, number| match number {
        0 => Act::Answer(429, vec![("retry-after", "7".to_owned())], "{}".to_owned()),
        1 => Act::Answer(
            503,
            vec![("retry-after-ms", "250".to_owned())],
            "{}".to_owned(),
        ),
        2 | 3 => Act::Answer(500, Vec::new(), "{}".to_owned()),
        _ => Act::json(200, &clerk(seen)),
    });
    let set = Set::of(Provider::Anthropic, &server);
    let clock = set.settings.clock.clone();
    assert_eq!(broken(&set.room().first()), "");
    let waits: Vec<u64> = clock.waits().iter().map(|it| it.as_secs()).collect();
    assert_eq!(
        clock.waits()[..2],
        [Duration::from_secs(7), Duration::from_millis(250)]
    );
    // The third and fourth tries: 2 s and 4 s, less up to a quarter.
    assert!(matches!(waits[2..], [1 | 2, 3 | 4, ..]), "{waits:?}");
}

#[test]
fn a_limit_is_a_fact_about_the_attempt_and_its_work_is_graded() {
    let server = Server::start(|seen, number| match number {
        0 => Act::json(200, &clerk(seen)),
        _ => Act::Hang,
    });
    let mut set = Set::of(Provider::Anthropic, &server);
    (set.settings.total, set.seconds) = (Duration::from_secs(20), 1);
    let played = set.room().first();
    assert_eq!(played.record.outcome.completed(), Some(false));
    let usage = played.record.usage.unwrap();
    assert_eq!(
        (played.record.stop, usage.input_tokens),
        (Some(Stop::Seconds), Some(INPUT))
    );

    let stray = json!({"type": "tool_use", "id": "a", "name": "fly", "input": {}});
    let body = anthropic(&[stray.clone(), stray], "tool_use");
    let server = Server::start(move |_, _| Act::json(200, &body));
    let played = Set::of(Provider::Anthropic, &server).room().first();
    let usage = played.record.usage.unwrap();
    assert_eq!(
        (played.record.stop, usage.steps, usage.tool_errors),
        (Some(Stop::Steps), 12, 12)
    );
    let last = &server.seen()[1].body["messages"][2]["content"][1];
    assert_eq!(
        last["content"],
        "there is no tool `fly`: tools: open, send, convert, unlock"
    );
}

/// What becomes of a trial whose model answers with these, one after the other.
fn after(replies: Vec<Value>) -> (Option<Stop>, Vec<Seen>) {
    let server =
        Server::start(move |_, number| Act::json(200, &replies[number.min(replies.len() - 1)]));
    let played = Set::of(Provider::Anthropic, &server).room().first();
    assert_eq!(broken(&played), "");
    (played.record.stop, server.seen())
}

#[test]
fn every_way_a_model_ends_has_its_consequence() {
    let text = || [json!({"type": "text", "text": "well"})];
    let done = || anthropic(&text(), "end_turn");
    assert_eq!(after(vec![done()]).0, Some(Stop::Finished));
    assert_eq!(
        after(vec![anthropic(&text(), "refusal")]).0,
        Some(Stop::GaveUp)
    );
    let full = anthropic(&text(), "model_context_window_exceeded");
    assert_eq!(after(vec![full]).0, Some(Stop::Budget));
    assert_eq!(
        after(vec![anthropic(&text(), "tired")]).0,
        Some(Stop::Finished)
    );

    let (stop, seen) = after(vec![anthropic(&text(), "pause_turn"), done()]);
    assert_eq!(stop, Some(Stop::Finished));
    assert_eq!(
        seen[1].body["messages"][1],
        json!({"role": "assistant", "content": text()})
    );

    let cut = json!({"type": "tool_use", "id": "a", "name": "open", "input": {}});
    let cut = anthropic(&[cut], "max_tokens");
    let (stop, seen) = after(vec![cut.clone(), done()]);
    let limits: Vec<&Value> = seen.iter().map(|it| &it.body["max_tokens"]).collect();
    assert_eq!(
        (stop, limits),
        (Some(Stop::Finished), vec![&json!(4096), &json!(8192)])
    );
    assert_eq!(seen[1].body["messages"].as_array().unwrap().len(), 1);
    let (stop, seen) = after(vec![cut]);
    assert_eq!((stop, seen.len()), (Some(Stop::Budget), 4));
}

#[test]
fn trap_28_arms_differ_in_their_notes_and_in_nothing_else() {
    let server = steady();
    let room = Set::of(Provider::Anthropic, &server).room();
    room.play();
    let mut firsts: Vec<Value> = server
        .seen()
        .into_iter()
        .map(|it| it.body)
        .filter(|it| it["messages"].as_array().unwrap().len() == 1)
        .filter(|it| it.to_string().contains("Send letter-02 on"))
        .collect();
    let notes = |body: &Value| {
        let text = body["messages"][0]["content"].as_str().unwrap().to_owned();
        let (notes, rest) = text.split_once("\n\nThe task:\n\n").unwrap();
        (notes.to_owned(), rest.to_owned())
    };
    firsts.sort_by_key(|it| notes(it).0.len());
    let [bare, stored] = <[Value; 2]>::try_from(firsts).unwrap();
    assert_eq!(notes(&bare).0, "Notes from earlier work:\n\n(none)");
    assert_ne!(notes(&stored).0, notes(&bare).0);
    assert_eq!(notes(&stored).1, notes(&bare).1);
    for key in ["system", "tools", "model", "max_tokens"] {
        assert_eq!(bare[key], stored[key], "{key}");
    }
}

#[test]
fn a_transcript_tells_calls_words_and_requests_and_no_thinking() {
    let server = steady();
    let room = Set::of(Provider::Anthropic, &server).room();
    let session = room.first_session();
    let kinds = [
        "agent.tool_use",
        "agent.tool_result",
        "agent.message",
        "span.model_request_end",
    ];
    for kind in kinds {
        assert!(session.contains(&format!("\"type\":\"{kind}\"")), "{kind}");
    }
    assert!(session.contains("\"message_id\":\"msg_1\""));
    assert!(!session.contains("private") && !session.contains("signature"));
}

#[test]
fn a_replayed_cassette_gives_the_same_bytes() {
    let folder = TemporaryFolder::create("cassette").unwrap();
    let tape = folder.path().join("tapes.jsonl");
    for provider in BOTH {
        let _ = fs::remove_file(&tape);
        let server = Server::start(|seen, number| match number % 7 {
            3 => Act::Drop,
            5 => Act::json(529, &json!({})),
            _ => Act::json(200, &clerk(seen)),
        });
        let play = |transport: Transport| {
            let mut set = Set::of(provider, &server);
            (set.settings.transport, set.settings.tries, set.repeats) = (transport, 2, 2);
            set.room()
                .play()
                .into_iter()
                .map(|it| (it.line, it.transcript.map(|it| it.digest().clone())))
                .collect::<Vec<_>>()
        };
        let recorded = play(Transport::Record(tape.clone()));
        let asked = server.seen().len();
        assert_eq!(play(Transport::Replay(tape.clone())), recorded);
        assert_eq!(server.seen().len(), asked);
    }
}

#[test]
fn a_missing_tape_names_the_nearest() {
    let folder = TemporaryFolder::create("cassette").unwrap();
    let tape = folder.path().join("tapes.jsonl");
    let server = steady();
    let told = |transport: Transport, max_tokens: u32| {
        let mut set = Set::of(Provider::Anthropic, &server);
        (set.settings.transport, set.choice.max_tokens) = (transport, max_tokens);
        broken(&set.room().first())
    };
    assert_eq!(told(Transport::Record(tape.clone()), 4096), "");
    let told = told(Transport::Replay(tape.clone()), 5000);
    let nearest = format!(
        "no tape of POST /v1/messages; the nearest is line 1 of {}, which has `",
        tape.display()
    );
    assert!(told.starts_with(&nearest), "{told}");
    assert!(told.contains("4096") && told.contains("5000"), "{told}");
}

#[test]
fn a_key_goes_in_its_header_and_nowhere_else() {
    let folder = TemporaryFolder::create("keys").unwrap();
    for (provider, header, value) in [
        (Provider::Anthropic, "x-api-key", KEY.to_owned()),
        (Provider::OpenAi, "authorization", format!("Bearer {KEY}")),
    ] {
        // A server that repeats the key wherever it can: in a header, a reply, an error.
        let server = Server::start(move |seen, number| {
            let named = vec![("request-id", KEY.to_owned())];
            let mut reply = clerk(seen).to_string().replace("is sent", KEY);
            if number % 5 == 4 {
                reply = format!("Incorrect API key provided: {KEY}");
                return Act::Answer(400, named, reply);
            }
            Act::Answer(200, named, reply)
        });
        let tape: PathBuf = folder.path().join(provider.word());
        let mut set = Set::of(provider, &server);
        set.settings.transport = Transport::Record(tape.clone());
        let mut left = format!("{:?} {:?}", set.choice, set.settings);
        let room = set.room();
        left.push_str(&format!("{:?}", room.agent));
        for played in room.play() {
            left.push_str(&played.line);
        }
        let session = room.runtime.block_on(room.bench.recreate(&room.trials[0]));
        left.push_str(&session.map_or_else(|error| error.to_string(), |it| write_session(&it)));
        left.push_str(&fs::read_to_string(&tape).unwrap());
        assert!(left.contains("Incorrect API key provided: [key]"));
        assert!(!left.contains("sk-planted"), "the key is shown");
        assert!(server.seen().iter().all(|it| it.headers[header] == value));
    }
}

#[test]
fn a_redirect_is_not_followed_so_that_the_key_goes_nowhere_else() {
    let elsewhere = steady();
    let to = format!("{}/v1/messages", elsewhere.address);
    let act = Act::Answer(307, vec![("location", to)], "{}".to_owned());
    let (played, _) = always(Provider::Anthropic, 2, act);
    assert_eq!(broken(&played), "anthropic answered 307: {}");
    assert_eq!(elsewhere.seen().len(), 0);
}

#[test]
fn what_cannot_be_asked_is_told_before_anything_is_sent() {
    let refused = |choice: Choice| {
        Model::new(choice, Settings::new(""))
            .unwrap_err()
            .to_string()
    };
    let told = refused(Choice::new(Provider::Anthropic, "m"));
    assert!(
        told.starts_with("error: `anthropic` asks for a key\n\nhint: set ANTHROPIC_API_KEY"),
        "{told}"
    );
    let at = |base: &str, key: &str| {
        refused(Choice {
            base_url: Some(base.to_owned()),
            key: Some(Secret::new(key)),
            ..Choice::new(Provider::OpenAi, "m")
        })
    };
    let told = at("http://me:sk-planted@localhost", "x");
    assert!(told.starts_with("error: the base URL is not an address") && !told.contains("planted"));
    let told = at("http://localhost", "sk-planted\n-2");
    assert!(
        told.starts_with("error: the key holds characters no key has") && !told.contains("planted")
    );
}
