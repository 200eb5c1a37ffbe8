//! What a run on the platform leaves on the disk: recordings that play again to the same bytes, and no key anywhere.

use std::fs;

use dreameval::{
    files::{self, TemporaryFolder},
    http::Transport,
};

use crate::{
    hosted_room::{Set, setup},
    platform::{Ending, Fault, KEY, When},
    program::differing,
};

#[test]
fn a_recorded_run_plays_again_to_the_same_bytes_without_a_platform() {
    let folder = TemporaryFolder::create("tapes").unwrap();
    let tape = folder.path().join("tapes.jsonl");
    let platform = setup().start();
    let streams = When::next("GET", "/events/stream").times(40);
    platform.misbehave(streams, Fault::Cut(2, Ending::Inside));
    platform.misbehave(
        When::next("POST", "/v1/sessions").times(3),
        Fault::DropAfter,
    );
    platform.misbehave(When::next("POST", "/v1/dreams"), Fault::DropAfter);
    let mut set = Set::of(&platform.address);
    set.settings.transport = Transport::Record(tape.clone());
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    set.run(&first).finished();
    drop(platform);

    let mut set = Set::of("http://127.0.0.1:1");
    set.settings.transport = Transport::Replay(tape.clone());
    set.workers = 3;
    let ran = set.run(&second);
    assert!(ran.ended.as_ref().unwrap().left.is_empty());
    ran.finished();
    // Dreams take long; a recorded one is not waited for.
    assert!(set.settings.clock.waits().is_empty());
    assert_eq!(differing(&first, &second), Vec::<std::path::PathBuf>::new());
    assert!(first.join("dreamt.json").exists() && first.join("hosted.json").exists());
}

#[test]
fn no_file_error_or_event_holds_the_key_even_where_the_platform_repeats_it() {
    let folder = TemporaryFolder::create("keys").unwrap();
    let tape = folder.path().join("tapes.jsonl");
    let platform = setup().start();
    let telling = Fault::edit_events(|event| event["told"] = format!("with {KEY}").into());
    platform.misbehave(When::next("GET", "/events/stream").times(9999), telling);
    let echo = format!("{{\"error\": {{\"message\": \"invalid x-api-key {KEY}\"}}}}");
    platform.misbehave(
        When::next("DELETE", "/v1/environments").times(2),
        Fault::Answer(403, Vec::new(), echo),
    );
    let mut set = Set::of(&platform.address);
    set.settings.transport = Transport::Record(tape);
    let ran = set.run(&folder.path().join("run"));
    let ended = format!("{:?}", ran.ended);
    assert!(ended.contains("[key]") && !ended.contains(KEY), "{ended}");
    ran.finished();
    for path in files::list(folder.path()).unwrap() {
        let bytes = fs::read(folder.path().join(&path)).unwrap();
        let unpacked = match path.ends_with("pack") {
            true => unpacked(&bytes),
            false => bytes,
        };
        let holds = unpacked.windows(KEY.len()).any(|it| it == KEY.as_bytes());
        assert!(!holds, "{}", path.display());
    }
}

/// Every frame of a pack, one after the other.
fn unpacked(pack: &[u8]) -> Vec<u8> {
    let folder = TemporaryFolder::create("pack").unwrap();
    let path = folder.path().join("pack");
    fs::write(&path, pack).unwrap();
    let library = dreameval::runner::transcripts::Library::read(&path).unwrap();
    let text = String::from_utf8_lossy(pack).into_owned();
    let digests = text.lines().filter_map(|line| {
        let end = line.rfind(' ')?;
        let start = end.checked_sub(64)?;
        dreameval::domain::id::Digest::from_hex(line.get(start..end)?)
    });
    let texts: Vec<String> = digests.filter_map(|it| library.get(&it).ok()).collect();
    assert!(!texts.is_empty() && texts.iter().any(|it| it.contains("with [key]")));
    texts.concat().into_bytes()
}
