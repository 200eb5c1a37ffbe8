//! Worlds played by models behind a server that misbehaves: every trial ends graded or broken with its reason, and
//! each answered request is counted once.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dreameval::{
    chat::{Price, Provider},
    domain::{
        halt::{Halt, Why},
        id::Digest,
        trial::{Outcome, Stop},
    },
    draw::Key,
    files::TemporaryFolder,
    runner::{
        self, Keep, Pace,
        bench::Played,
        journal::{self, Journal, Record},
        reuse::Earlier,
        transcripts::{self, Pack},
    },
};
use serde_json::{Value, json};

use crate::{
    model_room::{BOTH, Room, Set, always, broken, steady},
    model_server::{
        Act, INPUT, OUTPUT, Seen, Server, anthropic, assert_results_follow_calls, clerk,
    },
};

#[test]
fn a_model_plays_a_world_through_its_tools_in_both_protocols() {
    for provider in BOTH {
        let server = steady();
        let mut set = Set::of(provider, &server);
        let price = Price {
            input: 1.0,
            output: 5.0,
            cache_read: Some(0.1),
            cache_write: None,
            long: None,
        };
        set.choice.prices.set("m", price);
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
            "anthropic answered 500: api_error: late",
            2,
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
        assert_eq!(seen, requests, "{reason}");
        // Nothing was answered, so nobody knows what it cost.
        let usage = played.record.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cost_usd), (None, None));
    }
}

#[test]
fn an_answer_that_cannot_be_read_was_paid_for_all_the_same() {
    let answers = [
        (
            Provider::OpenAi,
            json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7}}),
        ),
        (
            Provider::Anthropic,
            json!({"content": null, "usage": {"input_tokens": 100, "output_tokens": 7}}),
        ),
    ];
    for (provider, answer) in answers {
        let server = Server::start(move |_, _| Act::json(200, &answer));
        let record = Set::of(provider, &server).room().first().record;
        assert!(matches!(record.outcome, Outcome::Broken(_)), "{record:?}");
        let usage = record.usage.expect("its tokens are known");
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(100), Some(7))
        );
        assert_eq!(server.seen().len(), 1, "it is not asked again");
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
    let halt = Arc::clone(&set.settings.halt);
    let room = set.room();
    assert_eq!(
        broken(&room.first()),
        "openai answered 429: insufficient_quota: You exceeded your quota"
    );
    assert_eq!((server.seen().len(), halt.is_set()), (1, true));
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
    let halt = Arc::clone(&set.settings.halt);
    let room = set.room();
    let told: Vec<String> = (0..4).map(|_| broken(&room.first())).collect();
    assert_eq!(told[2], "openai answered 503: down");
    assert_eq!(
        told[3],
        "openai is not asked any more in this run: 3 requests in a row failed, the last with: status 503: down"
    );
    assert_eq!((server.seen().len(), halt.is_set()), (6, true));
}

/// Plays a room's trials into the journal of a folder; `None` where the run ended before them.
fn into_journal(room: &Room, folder: &Path, halt: &Arc<Halt>) -> Option<Vec<Record>> {
    let run = Digest::of(b"a run");
    let path = journal::path_in(folder);
    let mut journal = if path.exists() {
        Journal::resume(&path, &run).unwrap()
    } else {
        Journal::create(&path, &run).unwrap()
    };
    let pace = Pace {
        workers: 4,
        halt: Arc::clone(halt),
        purse: None,
    };
    let keep = Keep {
        journal: &mut journal,
        pack: &mut Pack::open(&transcripts::path_in(folder)).unwrap(),
        earlier: &Earlier::default(),
    };
    let trials = room.trials.clone().into();
    let mut unheard = |_: &_| ();
    let playing = runner::play(&room.bench, &trials, &pace, keep, &mut unheard);
    room.runtime.block_on(playing).unwrap()
}

#[test]
fn an_attempt_that_has_cost_its_cents_is_graded_as_it_stands() {
    let server = steady();
    let mut set = Set::of(Provider::OpenAi, &server);
    let price = |dollars: f64| Price {
        input: dollars,
        output: dollars,
        cache_read: Some(dollars),
        cache_write: None,
        long: None,
    };
    // A reply of 117 tokens costs just over a cent.
    set.choice.prices.set("m", price(100.0));
    set.cents = Some(2);
    let played = set.room().first();
    assert_eq!(server.seen().len(), 2);
    assert_eq!(played.record.stop, Some(Stop::Budget));
    assert!(matches!(played.record.outcome, Outcome::Graded(_)));
    let mut set = Set::of(Provider::OpenAi, &server);
    set.cents = Some(2);
    assert_eq!(
        set.room().first().record.stop,
        Some(Stop::Finished),
        "no price, no bound"
    );
}

#[test]
fn what_an_outage_broke_is_played_on_resume_and_nothing_else_is_asked_again() {
    let folder = TemporaryFolder::create("outage").unwrap();
    fs::create_dir_all(transcripts::path_in(folder.path()).parent().unwrap()).unwrap();
    let server = Server::start(|seen, number| match number {
        ..40 => Act::json(200, &clerk(seen)),
        _ => Act::json(401, &json!({"error": "revoked"})),
    });
    let set = Set::of(Provider::OpenAi, &server);
    let halt = Arc::clone(&set.settings.halt);
    assert_eq!(into_journal(&set.room(), folder.path(), &halt), None);
    let kept = journal::read(&journal::path_in(folder.path())).unwrap();
    assert!(!kept.is_empty() && kept.values().all(|it| it.outcome.completed().is_some()));

    let server = steady();
    let set = Set::of(Provider::OpenAi, &server);
    let halt = Arc::clone(&set.settings.halt);
    let records = into_journal(&set.room(), folder.path(), &halt).unwrap();
    assert!(records.iter().all(|it| it.outcome.completed().is_some()));
    let firsts = server
        .seen()
        .iter()
        .filter(|it| it.body["messages"].as_array().unwrap().len() == 2)
        .count();
    assert_eq!(firsts, records.len() - kept.len());
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
fn a_server_of_nothing_but_refusals_is_down_before_long_and_no_refusal_holds_a_run_that_ends() {
    let folder = TemporaryFolder::create("refusals").unwrap();
    fs::create_dir_all(transcripts::path_in(folder.path()).parent().unwrap()).unwrap();
    let server = Server::start(|_, _| Act::json(429, &json!({"error": "slow"})));
    let set = Set::of(Provider::OpenAi, &server);
    let (clock, halt) = (set.settings.clock.clone(), Arc::clone(&set.settings.halt));
    assert_eq!(into_journal(&set.room(), folder.path(), &halt), None);
    assert!(matches!(halt.why(), Some(Why::Down(_))));
    assert!(clock.now() < 600.0, "{} s", clock.now());

    let halt = Arc::new(Halt::default());
    let end = Arc::clone(&halt);
    let server = Server::start(move |_, _| {
        end.set(Why::Interrupted);
        Act::Answer(
            429,
            vec![("retry-after", "100".to_owned())],
            "{}".to_owned(),
        )
    });
    let mut set = Set::of(Provider::OpenAi, &server);
    set.settings.halt = halt;
    let clock = set.settings.clock.clone();
    assert_eq!(broken(&set.room().first()), "openai answered 429: {}");
    assert_eq!(clock.now().round(), 10.0);
}

#[test]
fn an_answer_that_never_comes_is_the_provider_s_doing_whatever_an_attempt_may_last() {
    let server = Server::start(|seen, number| match number {
        0 => Act::json(200, &clerk(seen)),
        _ => Act::Hang,
    });
    let mut set = Set::of(Provider::Anthropic, &server);
    (set.settings.total, set.settings.most_failures) = (Duration::from_secs(20), 1);
    set.seconds = 1;
    let halt = Arc::clone(&set.settings.halt);
    let played = set.room().first();
    assert_eq!(broken(&played), "anthropic gave no answer in 2 s");
    let usage = played.record.usage.unwrap();
    let both = (usage.input_tokens, usage.lost_answers);
    assert_eq!(both, (Some(INPUT), Some(1)));
    assert!(halt.is_set(), "the provider counts as down");
}

#[test]
fn a_limit_is_a_fact_about_the_attempt_and_its_work_is_graded() {
    let server = Server::start(|seen, number| {
        if 0 < number {
            std::thread::sleep(Duration::from_millis(1200));
        }
        Act::json(200, &clerk(seen))
    });
    let mut set = Set::of(Provider::Anthropic, &server);
    (set.settings.total, set.seconds) = (Duration::from_secs(20), 1);
    let played = set.room().first();
    assert_eq!(broken(&played), "");
    let usage = played.record.usage.unwrap();
    assert_eq!(
        (played.record.stop, usage.input_tokens),
        (Some(Stop::Seconds), Some(2 * INPUT)),
        "the late answer is paid for, too"
    );

    let stray = json!({"type": "tool_use", "id": "a", "name": "fly", "input": {}});
    let body = anthropic(&[stray.clone(), stray], "tool_use");
    let server = Server::start(move |_, _| Act::json(200, &body));
    let played = Set::of(Provider::Anthropic, &server).room().first();
    let usage = played.record.usage.unwrap();
    assert_eq!(
        (played.record.stop, usage.steps, usage.tool_errors),
        (Some(Stop::Steps), Some(12), Some(12))
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
        let text = body["messages"][0]["content"][0]["text"].as_str();
        let text = text.unwrap().to_owned();
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
