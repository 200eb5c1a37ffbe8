//! What a run with a model leaves behind: recordings that play again to the same bytes, and no key anywhere.

use std::{fs, path::PathBuf};

use dreameval::{
    chat::{Choice, Model, Provider},
    files::TemporaryFolder,
    formats::transcript::write_session,
    http::{Settings, Transport},
    secret::Secret,
};
use serde_json::json;

use crate::{
    model_room::{BOTH, KEY, Set, always, broken, steady},
    model_server::{Act, Server, clerk},
};

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
                .map(|it| (it.line, it.transcript.map(|it| *it.digest())))
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
    let secret = format!("{to}?key=x");
    let act = Act::Answer(307, vec![("location", secret)], "{}".to_owned());
    let (played, _) = always(Provider::Anthropic, 2, act);
    let told = format!("anthropic answered 307: it leads to `{to}`, and no redirect is followed");
    assert!(broken(&played).starts_with(&told), "{}", broken(&played));
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
    for base in [
        "http://localhost/v1?key=sk-planted",
        "http://localhost/#sk-planted",
    ] {
        let told = at(base, "x");
        assert!(
            told.starts_with("error: the base URL is not an address") && !told.contains("planted")
        );
    }
    let told = at("http://localhost", "sk-planted\n-2");
    assert!(
        told.starts_with("error: the key holds characters no key has") && !told.contains("planted")
    );
}
