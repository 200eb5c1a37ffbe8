//! Hosted agents and dreams as users run them.

use std::{fs, path::Path, process::Command};

use dreameval::files::TemporaryFolder;

use crate::{
    hosted_room::setup,
    platform::{DREAMING, KEY, Platform, When},
    program::{Said, command, end, keep_for_types, post_room},
};

/// The post room on the platform, from practice to the report.
fn run(folder: &Path, platform: &Platform, more: &[&str]) -> Command {
    let suite = post_room().display().to_string();
    let mut arguments = vec!["run", &suite, "--out", "run", "--preset", "smoke"];
    arguments.extend(["--base-url", &platform.address]);
    arguments.extend(more);
    with_key(command(folder, arguments))
}

fn with_key(mut command: Command) -> Command {
    command.env("ANTHROPIC_API_KEY", KEY);
    command
}

fn said(mut command: Command) -> Said {
    end(command.spawn().unwrap())
}

const BOTH: [&str; 8] = [
    "--agent",
    "hosted:claude-opus-5",
    "--dreamer",
    "hosted:claude-opus-5",
    "--pairs",
    "0",
    "--arms",
    "bare,dreamed",
];

#[test]
fn a_run_on_the_platform_ends_in_a_report_that_can_be_read_without_a_key() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = said(run(folder.path(), &platform, &BOTH));
    assert_eq!(ran.code, Some(0), "{}", ran.talk);
    assert!(ran.talk.contains("dreamed over 8 sessions"), "{}", ran.talk);
    assert_eq!(platform.counts().left, [].into());
    let html = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(html.contains("managed-agents platform"));
    let table = fs::read_to_string(folder.path().join("run/evidence.json")).unwrap();
    assert!(!table.contains(KEY) && !html.contains(KEY) && !ran.talk.contains(KEY));

    let asked = platform.log().len();
    let again = said(command(folder.path(), ["report", "run"]));
    assert_eq!(again.code, Some(0), "{}", again.talk);
    let resumed = said(with_key(command(folder.path(), ["run", "--resume", "run"])));
    assert_eq!(resumed.code, Some(0), "{}", resumed.talk);
    assert_eq!(platform.log().len(), asked);
}

#[test]
fn an_interrupted_run_names_what_it_keeps_and_goes_on_with_it() {
    let platform = setup()
        .pace(|pace| (pace.dream, pace.polls_tick) = ([0, 0, 0], false))
        .start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let child = run(folder.path(), &platform, &BOTH).spawn().unwrap();
    assert!(platform.wait_until(|it| it.requests("POST", "/v1/dreams") == 1));
    platform.pace(|pace| pace.polls_tick = true);
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let ran = end(child);
    assert_eq!(ran.code, Some(130), "{}", ran.talk);
    assert!(ran.talk.contains(" is pending after 0 min"), "{}", ran.talk);
    let told = "left on the platform for `--resume` to dream over: 8 sessions (sesn_";
    assert!(ran.talk.contains(told), "{}", ran.talk);
    assert!(ran.talk.contains("in its metadata"), "{}", ran.talk);
    let left = platform.counts().left;
    let kinds: Vec<&str> = left.keys().copied().collect();
    assert_eq!(kinds, ["agent", "environment", "session"]);

    let resumed = said(with_key(command(folder.path(), ["run", "--resume", "run"])));
    assert_eq!(resumed.code, Some(0), "{}", resumed.talk);
    assert_eq!(platform.counts().left, [].into());
}

#[test]
fn a_second_interrupt_names_what_is_left() {
    let platform = setup().pace(|pace| pace.polls_tick = false).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let hang = crate::platform::Fault::Hang;
    platform.misbehave(When::next("POST", "/cancel").times(99), hang);
    let child = run(folder.path(), &platform, &BOTH).spawn().unwrap();
    assert!(platform.wait_until(|it| it.requests("GET", "/v1/dreams/") == 1));
    let id = child.id().to_string();
    let interrupt = || Command::new("kill").args(["-INT", &id]).status().unwrap();
    interrupt();
    let cancels = |it: &Platform| it.log().iter().any(|it| it.path.ends_with("/cancel"));
    assert!(platform.wait_until(cancels));
    interrupt();
    let ran = end(child);
    assert_eq!(ran.code, Some(130), "{}", ran.talk);
    let dream = &platform.counts().left["dream"][0];
    let told = format!("left on the platform: dream {dream}, session sesn_");
    assert!(ran.talk.contains(&told), "{}", ran.talk);
    let mend = "to remove it without a resume: dreameval tidy run";
    assert!(ran.talk.contains(mend), "{}", ran.talk);
}

#[test]
fn a_killed_run_is_cleaned_up_by_its_resume() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let mut child = run(folder.path(), &platform, &BOTH).spawn().unwrap();
    assert!(platform.wait_until(|it| 5 <= it.requests("POST", "/v1/sessions")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(platform.counts().left.contains_key("memory_store"));
    let resumed = said(with_key(command(folder.path(), ["run", "--resume", "run"])));
    assert_eq!(resumed.code, Some(0), "{}", resumed.talk);
    assert_eq!(platform.counts().left, [].into());
}

#[test]
fn a_hosted_dream_over_sessions_played_elsewhere_is_refused_with_the_way_out() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = said(run(folder.path(), &platform, &BOTH[2..4]));
    assert_eq!(ran.code, Some(2), "{}", ran.talk);
    let told = "the agent `embedded` plays none there";
    assert!(ran.talk.contains(told), "{}", ran.talk);
    assert!(
        ran.talk.contains("practise with `--agent hosted:MODEL`"),
        "{}",
        ran.talk
    );
    // Nothing was asked or played before.
    assert!(platform.log().is_empty() && !folder.path().join("run").exists());
}

#[test]
fn a_workspace_without_dreams_is_found_out_before_anything_is_played() {
    let platform = setup().start();
    platform.unenrol(DREAMING);
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = said(run(folder.path(), &platform, &BOTH));
    assert_eq!(ran.code, Some(5), "{}", ran.talk);
    let told = "there can be no hosted dream: the platform answered 400: organization_not_enrolled_in_beta";
    assert!(ran.talk.contains(told), "{}", ran.talk);
    assert!(
        ran.talk.contains("ask for access to the preview"),
        "{}",
        ran.talk
    );
    assert!(platform.counts().made.is_empty());
    // Where nothing is to be dreamt, nobody looks.
    let other = TemporaryFolder::create("hosted").unwrap();
    let arms = [&BOTH[..7], &["bare,stored"]].concat();
    let played = said(run(other.path(), &platform, &arms));
    assert_eq!(played.code, Some(0), "{}", played.talk);
}

#[test]
fn without_a_key_or_a_model_nothing_is_begun() {
    let folder = TemporaryFolder::create("hosted").unwrap();
    let suite = post_room().display().to_string();
    for (word, told) in [
        (
            "hosted:claude-opus-5",
            "the managed-agents platform asks for a key",
        ),
        ("hosted:", "no model is named"),
    ] {
        let mut command = command(folder.path(), ["run", &suite, "--agent", word]);
        command.env_remove("ANTHROPIC_API_KEY");
        let ran = said(command);
        assert_eq!(ran.code, Some(2));
        assert!(ran.talk.contains(told), "{}", ran.talk);
    }
    assert!(!folder.path().join("reports").exists());
}

#[test]
fn dream_alone_reads_a_run_that_waits_and_leaves_nothing_of_its_own() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    // The run's own dream is refused, so its sessions stay.
    let refused = crate::platform::Fault::Refuse(403, "permission_error".to_owned(), None, None);
    platform.misbehave(When::next("POST", "/v1/dreams"), refused);
    let ran = said(run(folder.path(), &platform, &BOTH));
    assert_eq!(ran.code, Some(5), "{}", ran.talk);
    let sessions = platform.counts().left["session"].len();
    let arguments = "dream --sessions run --out dreamt --instructions more.txt --dreamer hosted:claude-opus-5 --base-url";
    let arguments = arguments.split(' ').chain([platform.address.as_str()]);
    fs::write(folder.path().join("more.txt"), "Mind the seals.\n").unwrap();
    let dreamt = said(with_key(command(folder.path(), arguments)));
    assert_eq!(dreamt.code, Some(0), "{}", dreamt.talk);
    assert!(
        dreamt.answer.contains("from 8 sessions"),
        "{}",
        dreamt.answer
    );
    assert!(folder.path().join("dreamt/playbooks/letters.md").exists());
    let left = platform.counts().left;
    assert_eq!(left["session"].len(), sessions);
    assert!(!left.contains_key("memory_store") && !left.contains_key("dream"));

    let log = platform.log();
    let asked = log
        .iter()
        .rfind(|it| it.path == "/v1/dreams" && it.method == "POST");
    let told = asked.unwrap().body["instructions"].to_string();
    assert!(
        told.contains("Mind the seals.\\n\\nHow the sessions were judged"),
        "{told}"
    );

    // Whoever will not resume it, tidies up.
    let tidied = said(with_key(command(folder.path(), ["tidy", "run"])));
    assert_eq!(tidied.code, Some(0), "{}", tidied.talk);
    // Its sessions, an agent and an environment.
    assert_eq!(
        tidied.answer,
        "removed 10 things of this run from the platform\n"
    );
    assert_eq!(platform.counts().left, [].into());
    let sessions = platform.requests("POST", "/v1/sessions");
    let resumed = said(with_key(command(folder.path(), ["run", "--resume", "run"])));
    assert_eq!(resumed.code, Some(5), "{}", resumed.talk);
    assert!(
        resumed.talk.contains("was removed by `tidy`"),
        "{}",
        resumed.talk
    );
    assert_eq!(platform.requests("POST", "/v1/sessions"), sessions);
    let again = said(with_key(command(folder.path(), ["tidy", "run"])));
    assert_eq!(
        again.answer,
        "removed 0 things of this run from the platform\n"
    );
}

#[test]
fn dream_alone_ends_as_interrupted_and_leaves_nothing_of_its_own() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let refused = crate::platform::Fault::Refuse(403, "permission_error".to_owned(), None, None);
    platform.misbehave(When::next("POST", "/v1/dreams"), refused);
    said(run(folder.path(), &platform, &BOTH));
    platform.pace(|pace| pace.polls_tick = false);
    let words = "dream --sessions run --out dreamt --dreamer hosted:claude-opus-5 --base-url";
    let words = words.split(' ').chain([platform.address.as_str()]);
    let child = with_key(command(folder.path(), words)).spawn().unwrap();
    assert!(platform.wait_until(|it| it.requests("GET", "/v1/dreams/") == 1));
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let ran = end(child);
    assert_eq!(ran.code, Some(130), "{}", ran.talk);
    assert!(
        ran.talk.ends_with("interrupted; nothing was written\n"),
        "{}",
        ran.talk
    );
    let left = platform.counts().left;
    assert!(!left.contains_key("memory_store") && !left.contains_key("dream"));
    assert!(!folder.path().join("dreamt").exists());
}

#[test]
fn a_recorded_run_is_replayed_without_a_key_or_a_platform() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let recorded = [&BOTH[..], &["--record", "tapes.jsonl"]].concat();
    let ran = said(run(folder.path(), &platform, &recorded));
    assert_eq!(ran.code, Some(0), "{}", ran.talk);
    keep_for_types(&folder.path().join("tapes.jsonl"), "hosted");
    drop(platform);
    let suite = post_room().display().to_string();
    let mut arguments = vec!["run", &suite, "--out", "again", "--preset", "smoke"];
    arguments.extend(BOTH);
    arguments.extend(["--replay", "tapes.jsonl"]);
    let mut replayed = command(folder.path(), arguments);
    replayed.env_remove("ANTHROPIC_API_KEY");
    let replayed = said(replayed);
    assert_eq!(replayed.code, Some(0), "{}", replayed.talk);
    for file in [
        "evidence.json",
        "hosted.json",
        "report.html",
        "transcripts/pack",
    ] {
        let bytes = |run: &str| fs::read(folder.path().join(run).join(file)).unwrap();
        assert!(bytes("run") == bytes("again"), "{file}");
    }
}

#[test]
fn doctor_looks_at_each_part_of_the_platform_and_makes_nothing() {
    let platform = setup().start();
    platform.unenrol(DREAMING);
    let folder = TemporaryFolder::create("hosted").unwrap();
    let arguments = [
        "doctor",
        "--agent",
        "hosted:claude-opus-5",
        "--base-url",
        &platform.address,
    ];
    let ran = said(with_key(command(folder.path(), arguments)));
    assert_eq!(ran.code, Some(0), "{}", ran.talk);
    let lines: Vec<&str> = ran.answer.lines().collect();
    assert_eq!(
        lines[..2],
        ["agents         can be used", "sessions       can be used"]
    );
    assert!(
        lines[3].starts_with("dreams         cannot be used: the platform answered 400: organization_not_enrolled_in_beta"),
        "{}",
        lines[3]
    );
    assert_eq!(lines[4], "model          claude-opus-5 can be used");
    assert!(platform.counts().made.is_empty());
    let mut other = command(folder.path(), arguments);
    other.env("ANTHROPIC_API_KEY", "sk-ant-other");
    assert_eq!(said(other).code, Some(5));
    let misspelt = arguments.map(|it| it.replace("opus-5", "ops-5"));
    let ran = said(with_key(command(folder.path(), &misspelt)));
    assert_eq!(ran.code, Some(5));
    assert!(
        ran.answer.ends_with(
            "model          cannot be used: the platform knows no `claude-ops-5`; did you mean `claude-opus-5`? \
             models: claude-haiku-4-5, claude-sonnet-5, claude-opus-5\n"
        ),
        "{}",
        ran.answer
    );
}

#[test]
fn a_night_on_the_platform_ends_with_nothing_left_there() {
    let platform = setup().pace(|pace| pace.dream = [0, 0, 0]).start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let suite = post_room().display().to_string();
    let mut arguments = vec!["cycle", &suite, "--store", "store", "--base-url"];
    arguments.extend([platform.address.as_str(), "--preset", "smoke"]);
    arguments.extend(&BOTH[..4]);
    let ran = said(with_key(command(folder.path(), arguments)));
    assert!(
        [Some(0), Some(3)].contains(&ran.code),
        "{:?} {}",
        ran.code,
        ran.talk
    );
    assert_eq!(platform.counts().left, [].into());
}
