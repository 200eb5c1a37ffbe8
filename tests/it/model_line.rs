//! Runs with a model from the command line: recorded and played again, bounded in money and time, stopped by outages
//! and kills without paying twice, and without a key in anything they leave.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dreameval::files::{self, TemporaryFolder};
use serde_json::{Value, json};

use crate::{
    model_room::{KEY, steady},
    model_server::{Act, INPUT, OUTPUT, Seen, Server, clerk},
    program::{Said, command, contents, end, keep_for_types, post_room},
};

/// The table of models tests use: a price at which each reply costs a hundredth of a cent and more.
const TABLE: &str =
    "[\"openai:m\"]\nkey = \"PLANTED_KEY\"\nprice = { input = 1, output = 1, cache_read = 1 }\n";

/// A folder with a table of models, and the server they are behind.
struct Line<'a> {
    folder: TemporaryFolder,
    server: &'a Server,
}

impl<'a> Line<'a> {
    fn to(server: &'a Server) -> Self {
        let folder = TemporaryFolder::create("line").unwrap();
        fs::write(folder.path().join("models.toml"), TABLE).unwrap();
        Self { folder, server }
    }

    fn run(&self, out: &str, more: &[&str]) -> Command {
        let base = format!("{}/v1", self.server.address);
        let suite = post_room().display().to_string();
        let usual = [
            "run",
            &suite,
            "--agent",
            "openai:m",
            "--base-url",
            &base,
            "--models",
            "models.toml",
            "--preset",
            "smoke",
            "--pairs",
            "10",
            "--out",
            out,
        ];
        self.call(usual.iter().copied().chain(more.iter().copied()))
    }

    fn resume(&self, out: &str, more: &[&str]) -> Command {
        self.call(
            ["run", "--resume", out]
                .into_iter()
                .chain(more.iter().copied()),
        )
    }

    fn call<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Command {
        let mut command = command(self.folder.path(), words);
        command.env("PLANTED_KEY", KEY);
        command
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn said(mut command: Command) -> Said {
    end(command.spawn().unwrap())
}

/// The committed records of a run.
fn journal(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
    text.split_inclusive('\n')
        .skip(1)
        .filter(|it| it.ends_with('\n'))
        .map(|it| serde_json::from_str(it).unwrap())
        .collect()
}

fn cost(records: &[Value]) -> f64 {
    records
        .iter()
        .map(|it| it["usage"]["cost_usd"].as_f64().unwrap())
        .sum()
}

/// Requests that begin a trial.
fn begun(seen: &[Seen]) -> usize {
    let is_first = |it: &&Seen| it.body["messages"].as_array().unwrap().len() == 2;
    seen.iter().filter(is_first).count()
}

#[test]
fn a_recorded_run_plays_again_to_the_same_bytes_without_network_or_key() {
    let server = Server::start(|seen, number| match number % 9 {
        4 if number < 40 => Act::Drop,
        7 => Act::Answer(
            529,
            vec![("retry-after-ms", "1".to_owned())],
            "{}".to_owned(),
        ),
        _ => Act::json(200, &clerk(seen)),
    });
    let line = Line::to(&server);
    let recorded = said(line.run("recorded", &["--record", "tapes.jsonl"]));
    assert_eq!(recorded.code, Some(0), "{}", recorded.talk);
    keep_for_types(&line.place("tapes.jsonl"), "chat");
    let asked = server.seen().len();
    let mut again = line.run("played", &["--replay", "tapes.jsonl", "-j", "3"]);
    again.env_remove("PLANTED_KEY");
    let again = said(again);
    assert_eq!(again.code, Some(0), "{}", again.talk);
    assert_eq!(server.seen().len(), asked, "something was asked");
    let told = |said: &Said| said.answer.replace("played", "recorded");
    assert_eq!(told(&recorded), told(&again));
    let (mut left, mut right) = (
        contents(&line.place("recorded")),
        contents(&line.place("played")),
    );
    for run in [&mut left, &mut right] {
        // It names the cassette, once to write and once to read.
        assert!(run.remove(Path::new("run.json")).is_some());
    }
    assert!(left == right);
}

#[test]
fn a_key_is_in_nothing_a_run_leaves_or_says_even_where_it_is_told_back_or_killed() {
    let server = Server::start(|seen, number| match number % 11 {
        5 => Act::Answer(
            400,
            Vec::new(),
            format!("Incorrect API key provided: {KEY}"),
        ),
        _ => {
            let named = vec![("x-request-id", KEY.to_owned())];
            Act::Answer(200, named, clerk(seen).to_string().replace("is sent", KEY))
        }
    });
    let line = Line::to(&server);
    let whole = said(line.run("whole", &["--record", "tapes.jsonl", "--csv"]));
    let mut killed = line
        .run("killed", &["--record", "cut.jsonl"])
        .spawn()
        .unwrap();
    wait_until(|| !journal(&line.place("killed")).is_empty());
    killed.kill().unwrap();
    let killed = end(killed);
    let doctor = said(line.call([
        "doctor",
        "--agent",
        "openai:m",
        "--models",
        "models.toml",
        "--base-url",
        &format!("{}/v1", server.address),
    ]));
    let left: Vec<PathBuf> = files::list(line.folder.path()).unwrap();
    assert!(left.len() > 20, "{left:?}");
    for path in &left {
        let bytes = fs::read(line.place(path.to_str().unwrap())).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("sk-planted"),
            "the key is in {}",
            path.display()
        );
    }
    for said in [whole, killed, doctor] {
        assert!(
            !format!("{said:?}").contains("sk-planted"),
            "the key is said"
        );
    }
    assert!(
        server
            .seen()
            .iter()
            .all(|it| it.headers["authorization"] == format!("Bearer {KEY}"))
    );
    // Transcripts are packed; what they hold is looked at as a user would.
    // Which trials broke depends on whose request came in which place.
    let replayed = |number: u32| said(line.call(["replay", "whole", &number.to_string()]));
    let shown = (0..22).map(replayed).find(|it| it.code == Some(0)).unwrap();
    assert!(
        shown.answer.contains("[PLANTED_KEY]") && !shown.answer.contains("sk-planted"),
        "{}",
        shown.answer
    );
}

#[test]
fn an_outage_ends_the_run_with_5_and_resume_repeats_nothing_that_was_journaled() {
    let is_down = AtomicBool::new(false);
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let server = Server::start(move |seen, number| {
        // It begins within a trial that has paid for an answer already.
        if number >= 60 && begun(slice::from_ref(seen)) == 0 {
            is_down.store(true, Ordering::Relaxed);
        }
        match is_down.load(Ordering::Relaxed) && !mended.load(Ordering::Relaxed) {
            true => {
                count.fetch_add(1, Ordering::Relaxed);
                Act::json(401, &json!({"error": "revoked"}))
            }
            false => Act::json(200, &clerk(seen)),
        }
    });
    let line = Line::to(&server);
    let cut = said(line.run("run", &["-j", "4"]));
    assert_eq!(cut.code, Some(5), "{}", cut.talk);
    assert!(
        cut.talk
            .contains("the provider does not take the key [PLANTED_KEY] (401: revoked)"),
        "{}",
        cut.talk
    );
    assert!(
        cut.talk.contains("next: dreameval run --resume run"),
        "{}",
        cut.talk
    );
    let kept = journal(&line.place("run"));
    assert!(kept.iter().all(|it| it["outcome"].get("graded").is_some()));
    is_mended.store(true, Ordering::Relaxed);
    let before = server.seen().len();
    let whole = said(line.resume("run", &[]));
    assert_eq!(whole.code, Some(0), "{}", whole.talk);
    let records = journal(&line.place("run"));
    assert_eq!(begun(&server.seen()[before..]), records.len() - kept.len());
    // What was asked for trials that had to be played anew is told apart, and nothing is left out.
    let cut_short = fs::read_to_string(line.place("run/cut-short.jsonl")).unwrap();
    let cut_short: Vec<Value> = cut_short
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert!(cut_short.len() <= 4);
    let reply = (INPUT + 7 + OUTPUT) as f64 / 1e6;
    let answered = server.seen().len() - refused.load(Ordering::Relaxed);
    let all = cost(&records) + cost(&cut_short);
    assert!((all - answered as f64 * reply).abs() < 1e-9, "{all}");
    let report = fs::read_to_string(line.place("run/report.md")).unwrap();
    assert!(
        report.contains("where the end of the run cut it short"),
        "{report}"
    );
}

#[test]
fn a_killed_run_goes_on_and_pays_for_nothing_twice() {
    let server = Server::start(|seen, _| {
        std::thread::sleep(Duration::from_millis(1));
        Act::json(200, &clerk(seen))
    });
    let line = Line::to(&server);
    for count in [1, 40, 90] {
        let mut run = match line.place("run").exists() {
            false => line.run("run", &["-j", "4"]),
            true => line.resume("run", &["-j", "4"]),
        };
        let mut run = run.spawn().unwrap();
        wait_until(|| journal(&line.place("run")).len() >= count);
        run.kill().unwrap();
        end(run);
    }
    let kept = journal(&line.place("run"));
    let before = settled(&server);
    let whole = said(line.resume("run", &[]));
    assert_eq!(whole.code, Some(0), "{}", whole.talk);
    let records = journal(&line.place("run"));
    assert_eq!(begun(&server.seen()[before..]), records.len() - kept.len());
    let untouched = Server::start(|seen, _| Act::json(200, &clerk(seen)));
    let other = Line::to(&untouched);
    assert_eq!(said(other.run("run", &[])).code, Some(0));
    assert_eq!(records.len(), journal(&other.place("run")).len());
    // Each reply costs the same here, so the answered requests of all trials are known from what they cost.
    let tokens = |it: &Value| it["usage"]["output_tokens"].as_u64().unwrap();
    let requests = records.iter().map(|it| tokens(it) / OUTPUT).sum::<u64>();
    assert_eq!(requests, untouched.seen().len() as u64);
}

#[test]
fn a_run_ends_at_its_money_and_a_larger_purse_goes_on_with_it() {
    let server = steady();
    let line = Line::to(&server);
    let capped = said(line.run("run", &["--max-cost", "0.01"]));
    assert_eq!(capped.code, Some(5), "{}", capped.talk);
    assert!(
        capped.talk.contains("of the $0.01 allowed are spent"),
        "{}",
        capped.talk
    );
    let kept = journal(&line.place("run"));
    let reply = (INPUT + 7 + OUTPUT) as f64 / 1e6;
    assert!(
        0.005 < cost(&kept) && cost(&kept) <= 0.01 + 8.0 * reply,
        "{}",
        cost(&kept)
    );
    let whole = said(line.resume("run", &["--max-cost", "1"]));
    assert_eq!(whole.code, Some(0), "{}", whole.talk);
    let records = journal(&line.place("run"));
    assert!((cost(&records) - server.seen().len() as f64 * reply).abs() < 1e-9);
    let unpriced = said(line.call([
        "run",
        post_room().to_str().unwrap(),
        "--agent",
        "openai:other",
        "--base-url",
        &format!("{}/v1", server.address),
        "--max-cost",
        "1",
    ]));
    assert_eq!(unpriced.code, Some(2));
    assert!(
        unpriced.talk.contains("`openai:other` has no price here"),
        "{}",
        unpriced.talk
    );
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    let server = Server::start(|seen, _| {
        std::thread::sleep(Duration::from_millis(5));
        Act::json(200, &clerk(seen))
    });
    let line = Line::to(&server);
    let capped = said(line.run("run", &["--max-seconds", "0.3"]));
    assert_eq!(capped.code, Some(5), "{}", capped.talk);
    assert!(
        capped.talk.contains("stopped: 0.3 seconds are over"),
        "{}",
        capped.talk
    );
    let whole = said(line.resume("run", &[]));
    assert_eq!(whole.code, Some(0), "{}", whole.talk);
}

#[test]
fn a_finished_run_is_read_without_a_key_and_tells_its_model_and_its_cost() {
    let server = steady();
    let line = Line::to(&server);
    assert_eq!(said(line.run("run", &["--csv"])).code, Some(0));
    let asked = server.seen().len();
    let mut report = line.call(["report", "run"]);
    report.env_remove("PLANTED_KEY");
    let report = said(report);
    assert_eq!(report.code, Some(0), "{}", report.talk);
    assert_eq!(server.seen().len(), asked);
    let trials = fs::read_to_string(line.place("run/trials.csv")).unwrap();
    let (head, first) = trials.split_once('\n').unwrap();
    // `agent` and `model` stand side by side.
    assert!(head.contains("agent,model,"), "{head}");
    let agent = format!("openai:m chat/1 context at {}/v1,m,", server.address);
    assert!(first.lines().all(|it| it.contains(&agent)));
    let page = fs::read_to_string(line.place("run/report.md")).unwrap();
    assert!(page.contains("openai:m chat/1 context"), "{page}");
    let all = page.lines().find(|it| it.contains("All together")).unwrap();
    let reply = (INPUT + 7 + OUTPUT) as f64 / 1e6;
    let dollars = format!("${:.4}", asked as f64 * reply);
    assert!(all.contains(&dollars), "{all}: {dollars}");
}

#[test]
fn the_doctor_tells_what_a_run_would_meet_before_anything_is_spent() {
    let server = steady();
    let line = Line::to(&server);
    let ask = |base: &str| {
        said(line.call([
            "doctor",
            "--agent",
            "openai:m",
            "--models",
            "models.toml",
            "--base-url",
            base,
        ]))
    };
    let ill = ask("http://127.0.0.1:1/v1");
    assert_eq!(ill.code, Some(5));
    assert!(ill.talk.contains("no connection"), "{}", ill.talk);
    let revoked = Server::start(|_, _| {
        Act::json(
            401,
            &json!({"error": {"message": "bad key", "code": "invalid_api_key"}}),
        )
    });
    let ill = ask(&format!("{}/v1", revoked.address));
    assert_eq!((ill.code, revoked.seen().len()), (Some(5), 1));
    assert!(
        ill.talk
            .contains("openai answered 401: invalid_api_key: bad key"),
        "{}",
        ill.talk
    );
    let ready = Server::start(|_, _| {
        let call = json!({"id": "c", "type": "function", "function": {"name": "ready", "arguments": "{\"word\":\"yes\"}"}});
        let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
        let body = json!({"id": "r", "model": "m-2026", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 5}});
        let told = vec![("x-ratelimit-limit-requests", "500".to_owned())];
        Act::Answer(200, told, body.to_string())
    });
    let well = ask(&format!("{}/v1", ready.address));
    assert_eq!((well.code, ready.seen().len()), (Some(0), 1));
    for part in [
        "m answered as m-2026",
        "it called the tool it was given",
        "input 50, output 5",
        "$0.000055",
        "500 requests a minute",
    ] {
        assert!(well.answer.contains(part), "{part}: {}", well.answer);
    }
    let mut without = line.call(["doctor", "--agent", "anthropic:claude-opus-5"]);
    without.env_remove("ANTHROPIC_API_KEY");
    let without = said(without);
    assert_eq!(without.code, Some(2));
    assert!(
        without.talk.contains("set ANTHROPIC_API_KEY"),
        "{}",
        without.talk
    );
}

#[test]
fn the_doctor_tries_who_would_dream_and_judge_too() {
    let server = steady();
    let line = Line::to(&server);
    let talker = Server::start(|_, _| {
        let message = json!({"role": "assistant", "content": "yes"});
        Act::json(
            200,
            &json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}),
        )
    });
    let base = format!("{}/v1", talker.address);
    let others = said(line.call([
        "doctor",
        "--judge",
        "openai:m",
        "--dreamer",
        "embedded",
        "--models",
        "models.toml",
        "--base-url",
        &base,
    ]));
    assert_eq!(others.code, Some(0), "{}", others.talk);
    let rows: Vec<&str> = others
        .answer
        .lines()
        .filter(|it| it.starts_with("dreamer ") || it.starts_with("judge "))
        .collect();
    assert_eq!(rows, ["dreamer    embedded", "judge      openai:m"]);
    assert!(
        others.answer.contains("it called none, and needs none"),
        "a judge needs none: {}",
        others.answer
    );
}

/// Requests seen once no more come of what a killed run had sent.
fn settled(server: &Server) -> usize {
    let mut seen = server.seen().len();
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let now = server.seen().len();
        if now == seen {
            return seen;
        }
        seen = now;
    }
}

fn wait_until(is_time: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_time() {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "it never came to that"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
