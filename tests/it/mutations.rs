//! Thousands of mutated inputs for each parser: read or refused, never a panic.

use std::fs;
use std::path::Path;

use dreameval::domain::id::Digest;
use dreameval::draw::Key;
use dreameval::error::Result;
use dreameval::files::TemporaryFolder;
use dreameval::formats::labels::{read_labels, unblind};
use dreameval::formats::suite::load_suite;
use dreameval::formats::transcript::read_session;
use dreameval::promotion::calibration::Calibration;
use dreameval::promotion::policy::{DEFAULT_POLICY, Policy};
use dreameval::runner::journal::{self, Journal};
use dreameval::study::asked::RunFile;

use crate::bench_kit::mutations;

const SUITE: &str = "format = 1\nname = \"s\"\nabout = \"x\"\nlimits = { steps = 9 }\nenvironment.world = \"world.toml\"\n\
    [[role]]\nname = \"clerk\"\ntools = [\"open\"]\n[[tasks_from]]\nrows = \"r.csv\"\nid = \"{id}\"\nfamily = \"f\"\nsplit = \"test\"\n\
    role = \"clerk\"\nprompt = \"{{Open}} {id}\"\nsetup.letter = [{ name = \"x\", format = \"wpd\" }]\n\
    asks = [{ of = \"x\", is = \"opened\" }]\ngrade.weighted.parts = [{ weight = 2, grade.state = [{ of = \"x\", is = \"intact\" }] }]\n";
const WORLD: &str = "format = 1\nseed = 7\nkinds = [\"letter\"]\nfacts = [\"opened\"]\nqualities = [\"seals\"]\n\
    words_per_step = 40\nbusy_per_thousand = 0\nlost_per_thousand = 0\nattributes.format = [\"docx\", \"wpd\"]\n\
    [[tool]]\nname = \"open\"\nabout = \"x\"\narguments.viewer = [\"a\", \"b\"]\ngives = \"opened\"\n\
    [[quirk]]\nid = \"q\"\nvisibility = \"silent\"\ntool = \"open\"\nwhen.format = \"wpd\"\nremedy.with.viewer = \"b\"\nspoils = \"seals\"\n";

#[test]
fn mutated_suites_are_read_or_refused() {
    mutate_file(17, "suite.toml", SUITE);
}

#[test]
fn mutated_worlds_are_read_or_refused() {
    mutate_file(18, "world.toml", WORLD);
}

/// Mutates one file of a suite and leaves the others whole.
fn mutate_file(seed: u64, name: &str, whole: &str) {
    let folder = TemporaryFolder::create("mutated").unwrap();
    for (name, text) in [
        ("suite.toml", SUITE),
        ("world.toml", WORLD),
        ("r.csv", "id\na\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    load_suite(folder.path(), None).unwrap();
    let place = folder.path().join(name);
    mutate(seed, whole.as_bytes(), |bytes| {
        // Written anew rather than over the last one, which some disks would flush each time.
        fs::remove_file(&place).unwrap();
        fs::write(&place, bytes).unwrap();
        load_suite(folder.path(), None).map(|_| ())
    });
}

#[test]
fn mutated_journals_are_continued_or_refused() {
    let folder = TemporaryFolder::create("mutated").unwrap();
    let path = folder.path().join("journal.jsonl");
    let run = Digest::of(b"run");
    let record = "{\"stage\":\"replay\",\"trial\":1,\"outcome\":{\"graded\":{\"completed\":true,\"score\":0.5,\"criteria\":[[\"sent\",true]],\
                  \"violations\":[]}},\"stop\":\"finished\",\"usage\":null,\"surfaced\":[1,2],\"followed\":[]}\n";
    let other = record.replace("\"trial\":1", "\"trial\":2");
    let whole = format!("{{\"format\":1,\"run\":\"{run}\"}}\n{record}{other}");
    mutate(19, whole.as_bytes(), |bytes| {
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
        // Opening one to go on waits for the disk; what it reads is read the same way.
        match bytes.len() % 40 {
            0 => Journal::resume(&path, &run).map(|_| ()),
            _ => journal::read(&path).map(|_| ()),
        }
    });
}

#[test]
fn mutated_policies_are_read_or_refused() {
    let code: Vec<&str> = DEFAULT_POLICY
        .lines()
        .filter(|it| !it.starts_with('#'))
        .collect();
    mutate(23, code.join("\n").as_bytes(), |bytes| {
        text(bytes, |text| {
            Policy::parse(Path::new("policy.toml"), text).map(|_| ())
        })
    });
}

#[test]
fn mutated_transcripts_are_read_or_refused() {
    let whole = "{\"type\":\"session.start\",\"session\":\"s\",\"task\":\"t\",\"role\":\"r\",\"arm\":\"practice\",\"agent\":\"a/1\",\
                 \"setup\":[{\"kind\":\"letter\",\"name\":\"x\",\"attributes\":[[\"format\",\"wpd\"]]}]}\n\
                 {\"type\":\"agent.tool_use\",\"id\":\"c\",\"name\":\"open\",\"input\":{\"on\":\"x\",\"with\":[]}}\n\
                 {\"type\":\"session.outcome\",\"completed\":true,\"score\":1.0,\"criteria\":[],\"violations\":[]}\n";
    mutate(29, whole.as_bytes(), |bytes| {
        text(bytes, |text| {
            read_session(text, Path::new("s.jsonl")).map(|_| ())
        })
    });
}

#[test]
fn mutated_run_files_are_read_or_refused() {
    let whole = format!(
        "{{\"format\":1,\"dreameval\":\"0.1.0\",\"run\":\"{}\",\"asked\":{{\"suite\":\"s\",\"world_seed\":null,\"agent\":\"embedded\",\
         \"dreamer\":\"embedded\",\"memory\":null,\"arms\":[\"bare\"],\"repeats\":1,\"practice_repeats\":1,\"pairs\":0,\"seed\":1}},\
         \"digests\":{{}},\"times\":{{}}}}",
        Digest::of(b"run")
    );
    mutate(31, whole.as_bytes(), |bytes| {
        text(bytes, |text| {
            RunFile::parse(text, Path::new("run.json")).map(|_| ())
        })
    });
}

#[test]
fn mutated_rubrics_are_read_or_refused() {
    let folder = TemporaryFolder::create("mutated").unwrap();
    let place = folder.path().join("suite.toml");
    let whole = "format = 1\nname = \"s\"\nabout = \"x\"\n[[task]]\nid = \"a\"\nfamily = \"f\"\nsplit = \"test\"\nprompt = \"x\"\n\
                 grade.rubric.criteria = [{ name = \"n\", text = \"It says {{x}}.\", events = true }, { name = \"m\", text = \"t\" }]\n";
    mutate(37, whole.as_bytes(), |bytes| {
        let _ = fs::remove_file(&place);
        fs::write(&place, bytes).unwrap();
        load_suite(folder.path(), None).map(|_| ())
    });
}

#[test]
fn mutated_labels_and_keys_are_read_or_refused() {
    let table = "item,criterion,human,arm,judge,answer\nw1,says it,met,bare,no,\"a, b\"\nw2,says it,,dreamed,1,c\n";
    let path = Path::new("l.csv");
    mutate(41, table.as_bytes(), |bytes| {
        read_labels(bytes, path).map(|_| ())
    });
    let key = "item,criterion,of,task,arm,judge,judge_digest\nw1,says it,a-0,a,bare,met,d\nw2,says it,a-0,a,dreamed,not met,d\n";
    mutate(43, key.as_bytes(), |bytes| {
        let mut labels = read_labels(table.as_bytes(), path)?;
        unblind(&mut labels, bytes, Path::new("k.csv")).map(|_| ())
    });
}

#[test]
fn mutated_calibrations_are_read_or_refused() {
    let digest = Digest::of(b"judge");
    let counts = "{\"true_positive\":9,\"labelled_positive\":10,\"true_negative\":8,\"labelled_negative\":9}";
    let whole = format!(
        "{{\"format\":1,\"judge\":\"m\",\"judge_digest\":\"{digest}\",\"labels\":\"{digest}\",\"asked\":0,\"given\":19,\
         \"criteria\":[\"n\"],\"arms\":[{{\"arm\":\"bare\",\"criteria\":{counts},\"items\":{counts}}}]}}"
    );
    mutate(47, whole.as_bytes(), |bytes| {
        text(bytes, |text| {
            let read = Calibration::parse(text, Path::new("c.json"))?;
            // Whatever counts are read, everything said of them is said without a panic.
            let _ = (read.doubts(), read.objection(&digest, ["bare", "dreamed"]));
            Ok(())
        })
    });
}

/// Bytes that are no text are refused before any parser sees them.
fn text(bytes: &[u8], read: impl Fn(&str) -> Result<()>) -> Result<()> {
    let text = dreameval::files::text_of(bytes.to_vec(), Path::new("file"))?;
    read(&text)
}

/// Reads that many mutations and asserts that some are read and many refused in words.
fn mutate(seed: u64, whole: &[u8], read: impl Fn(&[u8]) -> Result<()>) {
    let mut refused = 0;
    for number in 0..mutations() {
        if let Err(error) = read(&mutated(whole, Key::root(seed).number(number))) {
            refused += 1;
            assert!(error.to_string().starts_with("error: "));
        }
    }
    assert!(
        mutations() / 4 < refused && refused < mutations(),
        "{refused} of {} were refused",
        mutations()
    );
}

/// One to three changes: a bit flipped, a byte set, the end cut off, a piece spliced in elsewhere, a line said twice.
pub fn mutated(whole: &[u8], key: Key) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for change in 0..=key.below(0, 3) as u64 {
        let key = key.number(change);
        let at = key.below(0, bytes.len().max(1));
        let piece = at..(at + key.below(1, 40)).min(bytes.len());
        match key.below(2, 6) {
            0 => bytes.truncate(at),
            1 => {
                let piece = bytes[piece.clone()].to_vec();
                let to = key.below(3, bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            2 => {
                let end = bytes[at..]
                    .iter()
                    .position(|it| *it == b'\n')
                    .map_or(bytes.len(), |it| at + it + 1);
                let start = bytes[..at]
                    .iter()
                    .rposition(|it| *it == b'\n')
                    .map_or(0, |it| it + 1);
                let line = bytes[start..end].to_vec();
                bytes.splice(start..start, line);
            }
            3 => drop(bytes.drain(piece)),
            4 => bytes[at..]
                .iter_mut()
                .take(1)
                .for_each(|it| *it = key.draw(4) as u8),
            _ => bytes[at..]
                .iter_mut()
                .take(1)
                .for_each(|it| *it ^= 1 << key.below(4, 8)),
        }
    }
    bytes
}
