//! Judges held against human labels, and what becomes of gates and promotions with and without: on the command line.

use std::{fmt::Write as _, fs, path::Path};

use dreameval::files::TemporaryFolder;
use serde_json::Value;

use crate::{
    court::{Asks, asks, clerk, first_message, honest, write_suite},
    model_server::{Act, Server},
    program::{Said, command, end, say},
};

/// Rows of the table of figures: both arms, 60 labelled items each and 90 that only the judge has seen.
fn table(has_judge: bool) -> String {
    let mut text = String::from("item,criterion,human,arm,judge,brief,answer\n");
    for (arm, met, right) in [("bare", 20, 18), ("dreamed", 40, 36)] {
        for index in 0..150 {
            let truth = index % 60 < met;
            // Of every sixty, two met are missed under bare and four under dreamed, and four not met are let through.
            let judge = match truth {
                true => index % 60 < right,
                false => 56 <= index % 60,
            };
            let human = if index < 60 {
                ["not met", "met"][usize::from(truth)]
            } else {
                ""
            };
            let found = if has_judge {
                ["not met", "met"][usize::from(judge)]
            } else {
                ""
            };
            let answer = ["It is due soon.", "It is due on 30 June."][usize::from(truth)];
            writeln!(
                text,
                "{index},names the day,{human},{arm},{found},When is the fee due?,{answer}"
            )
            .unwrap();
        }
    }
    text
}

/// The program with a key that is none and a server of the test's own.
fn with_server(folder: &Path, words: &str, server: &Server) -> Said {
    let mut command = command(
        folder,
        words.split(' ').chain(["--base-url", &server.address]),
    );
    command.env("ANTHROPIC_API_KEY", "sk-test");
    end(command.spawn().unwrap())
}

#[test]
fn a_plan_counts_what_the_judge_may_cost_and_a_bound_needs_its_price() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    write_suite(folder.path(), 2, 20);
    let server = Server::start(|_, _| Act::Answer(500, Vec::new(), String::new()));
    let plan = |judge: &str, more: &str| {
        let words = format!(
            "run . --agent anthropic:claude-haiku-4-5 --judge {judge} --arms bare --repeats 1 --pairs 0 {more}"
        );
        with_server(folder.path(), &words, &server)
    };
    let priced = plan("anthropic:claude-haiku-4-5", "--plan");
    assert_eq!(priced.code, Some(0), "{}", priced.talk);
    let judge = priced
        .answer
        .lines()
        .find(|it| it.contains("of it the judge"));
    let ends: Vec<f64> = judge
        .unwrap_or_else(|| panic!("{}", priced.answer))
        .split('$')
        .skip(1)
        .map(|it| it.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(
        0.0 < ends[0] && ends[0] < ends[1] && ends[1] < 10.0,
        "votes that agree are fewer: {ends:?}"
    );
    write_suite(folder.path(), 0, 20);
    let untaught = plan("anthropic:claude-haiku-4-5", "--plan --max-cost 1");
    assert_eq!(untaught.code, Some(0), "no practice: {}", untaught.talk);
    assert!(untaught.answer.contains("of it the judge"));
    let unpriced = plan("anthropic:nobody", "--plan");
    assert!(
        unpriced.answer.contains("not known: what the judge spends"),
        "{}",
        unpriced.answer
    );
    let bound = plan("anthropic:nobody", "--max-cost 1");
    assert_eq!(bound.code, Some(2));
    assert!(
        bound.talk.contains("`anthropic:nobody` has no price here"),
        "{}",
        bound.talk
    );
    assert!(
        server.seen().is_empty(),
        "nothing is asked before it is known"
    );
}

#[test]
fn a_table_with_the_judges_findings_needs_no_judge_and_no_key() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    fs::write(folder.path().join("labels.csv"), table(true)).unwrap();
    let said = say(
        folder.path(),
        ["judge", "calibrate", "--labels", "labels.csv"],
    );
    assert_eq!((said.code, said.talk.as_str()), (Some(0), ""));
    assert_eq!(
        said.answer,
        "judge: not named; its judgements are taken as the table has them\n\
         agreement: 106 of 120 labels (88 %); kappa 0.77 (95 % interval 0.65 to 0.88)\n  \
         in all: sensitivity 54 of 60 (95 % interval 80 % to 95 %), specificity 52 of 60 (95 % interval 76 % to 93 %)\n  \
         no memory: sensitivity 18 of 20 (95 % interval 70 % to 97 %), specificity 36 of 40 (95 % interval 77 % to 96 %)\n  \
         dreamed memory: sensitivity 36 of 40 (95 % interval 77 % to 96 %), specificity 16 of 20 (95 % interval 58 % to \
         92 %)\n\
         items found met in every criterion:\n  \
         no memory: 62 of 150 judged; without the judge's errors 39 % (95 % interval 25 % to 55 %; by its own labels)\n  \
         dreamed memory: 110 of 150 judged; without the judge's errors 76 % (95 % interval 60 % to 93 %; by its own labels)\n\
         dreamed memory against no memory: +32 points as judged, over 150 items judged under both\n  \
         without the judge's errors, where they are alike in both: +42 points (95 % interval +30 to +53)\n  \
         each by its own labels: +37 points (95 % interval +19 to +55)\n  \
         by people's labels, with what the judge found of the rest: +35 points (95 % interval +25 to +44)\n"
    );
    // Whose they are must be said before anything may rest on them.
    let said = say(
        folder.path(),
        [
            "judge",
            "calibrate",
            "--labels",
            "labels.csv",
            "--out",
            "c.json",
        ],
    );
    assert_eq!(said.code, Some(2));
    assert!(
        said.talk
            .contains("a calibration is of one judge, and none is named"),
        "{}",
        said.talk
    );
    let words = [
        "judge",
        "calibrate",
        "--labels",
        "labels.csv",
        "--judge",
        "anthropic:m",
        "--out",
        "c.json",
    ];
    let said = say(folder.path(), words);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let written: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("c.json")).unwrap()).unwrap();
    assert_eq!(
        (&written["asked"], &written["given"]),
        (&0.into(), &300.into())
    );
}

#[test]
fn what_the_table_lacks_is_asked_for_and_arms_are_not_shown() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    fs::write(folder.path().join("labels.csv"), table(false)).unwrap();
    let said = say(
        folder.path(),
        ["judge", "calibrate", "--labels", "labels.csv"],
    );
    assert_eq!(said.code, Some(2));
    assert!(
        said.talk
            .contains("300 rows of this table lack what the judge finds"),
        "{}",
        said.talk
    );
    let server = Server::start(|seen, _| honest(seen));
    let words = "judge calibrate --labels labels.csv --judge anthropic:m --out c.json";
    let said = with_server(folder.path(), words, &server);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert!(
        said.answer
            .contains("agreement: 120 of 120 labels (100 %); kappa 1.00"),
        "{}",
        said.answer
    );
    assert!(
        said.answer
            .contains("300 judgements asked for: 60000 input and 6000 output tokens"),
        "{}",
        said.answer
    );
    for seen in server.seen() {
        let body = seen.body.to_string();
        assert!(!body.contains("bare") && !body.contains("dreamed"));
    }
}

/// A finished run of the fees behind an honest judge, under a policy that lets doubt pass.
fn played(folder: &Path) -> Server {
    let server = Server::start(|seen, _| match asks(seen) {
        Asks::Judge => honest(seen),
        Asks::Agent => clerk(seen),
        Asks::Dreamer => Act::Drop,
    });
    write_suite(&folder.join("fees"), 2, 40);
    fs::create_dir(folder.join("store")).unwrap();
    let words = "run fees --agent anthropic:m --dreamer null --judge anthropic:m --arms bare,stored,dreamed --repeats 1 \
                 --pairs 120 --out run --quiet";
    let said = with_server(folder, words, &server);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let policy = say(folder, ["policy"]).answer;
    let lenient = policy
        .replace("baseline = \"stored\"", "baseline = \"bare\"")
        .replace("inconclusive = \"inconclusive\"", "inconclusive = \"pass\"");
    fs::write(folder.join("policy.toml"), lenient).unwrap();
    server
}

fn calibrate(folder: &Path, server: &Server, table: &str, votes: u32) {
    fs::write(folder.join("labels.csv"), table).unwrap();
    let words = format!(
        "judge calibrate --labels labels.csv --judge anthropic:m --judge-votes {votes} --out c.json"
    );
    let said = with_server(folder, &words, server);
    assert_eq!(said.code, Some(0), "{}", said.talk);
}

/// Runs it and asserts its exit code and a part of its answer.
fn expect(folder: &Path, words: &str, code: i32, part: &str) {
    let said = say(folder, words.split(' '));
    let told = format!("{}{}", said.answer, said.talk);
    assert_eq!(said.code, Some(code), "{told}");
    assert!(said.answer.contains(part), "{told}");
}

const GATE: &str = "gate run --policy policy.toml";
const PROMOTE: &str = "promote run --to store --policy policy.toml";

#[test]
fn a_judge_without_a_calibration_that_fits_informs_and_does_not_gate() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    let folder = folder.path();
    let server = played(folder);
    let without = "a judge without a calibration file may inform but not gate";
    expect(folder, GATE, 3, without);
    expect(
        folder,
        PROMOTE,
        3,
        "no learning was promoted: rubrics are judged by",
    );
    let with = format!("{GATE} --calibration c.json");
    calibrate(folder, &server, &table(false), 5);
    expect(
        folder,
        &with,
        3,
        "the calibration is of another judge or prompt",
    );
    let turned_round = table(false)
        .replace(",not met,", ",x,")
        .replace(",met,", ",not met,")
        .replace(",x,", ",met,");
    calibrate(folder, &server, &turned_round, 3);
    expect(
        folder,
        &with,
        3,
        "do not show that the judge is better than guessing",
    );
    assert!(!folder.join("store/notes.md").exists());
}

#[test]
fn a_calibrated_judge_gates_and_promotes() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    let folder = folder.path();
    let server = played(folder);
    calibrate(folder, &server, &table(false), 3);
    let fared = "of what people found met it agreed on 60 of 60";
    expect(folder, &format!("{GATE} --calibration c.json"), 0, fared);
    expect(
        folder,
        &format!("{PROMOTE} --calibration c.json"),
        0,
        "1 learning",
    );
    assert!(folder.join("store/notes.md").exists());
    let report = fs::read_to_string(folder.join("run/report.md")).unwrap();
    assert!(report.contains("The judge of the rubrics, apart from the attempts"));
    // What a run was given is kept with it.
    let words = "run fees --agent anthropic:m --dreamer null --judge anthropic:m --calibration c.json --arms bare,dreamed \
                 --repeats 1 --pairs 0 --policy policy.toml --out other --quiet";
    let said = with_server(folder, words, &server);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    fs::remove_file(folder.join("c.json")).unwrap();
    expect(folder, "gate other --policy policy.toml", 0, fared);
    let judged = server
        .seen()
        .into_iter()
        .filter(|it| asks(it) == Asks::Judge);
    assert!(
        judged
            .map(|it| first_message(&it))
            .all(|it| !it.contains("autumn"))
    );
}

/// A table with what people say: met is what names the day, but for one slip.
fn labelled(table: &str) -> String {
    let labelled: Vec<String> = table
        .lines()
        .map(|line| {
            match (
                line.strip_suffix(','),
                line.contains("30 June") && !line.starts_with("w001"),
            ) {
                (Some(line), true) => format!("{line},met"),
                (Some(line), false) => format!("{line},not met"),
                (None, _) => line.to_owned(),
            }
        })
        .collect();
    labelled.join("\n")
}

#[test]
fn people_label_a_run_blind_and_the_key_brings_arm_and_judge_back() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    let folder = folder.path();
    let server = played(folder);
    let words = "judge labels run --out t.csv --key k.csv --per-arm 30";
    let drawn = say(folder, words.split(' '));
    assert_eq!(drawn.code, Some(0), "{}", drawn.talk);
    assert!(
        drawn.answer.starts_with("60 trials to label: t.csv"),
        "{}",
        drawn.answer
    );
    let (_, next) = drawn.answer.trim().split_once("then dreameval ").unwrap();
    let table = fs::read_to_string(folder.join("t.csv")).unwrap();
    assert!(table.starts_with("item,criterion,text,brief,calls,answer,human\nw001,names the day,The answer names the day.,"));
    for word in ["bare", "dreamed", "autumn"] {
        assert!(!table.contains(word), "{word}");
    }
    fs::write(folder.join("t.csv"), labelled(&table)).unwrap();
    let asked = server.seen().len();
    let words = "judge calibrate --labels t.csv --key k.csv --judge anthropic:m --out c.json";
    let printed = words.replace(
        "--out c",
        &format!("--base-url {} --out calibration", server.address),
    );
    assert_eq!(next, printed);
    let said = say(folder, next.split(' '));
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert!(
        said.answer
            .contains("dreamed memory against no memory: +100 points as judged, over 40 items"),
        "{}",
        said.answer
    );
    assert_eq!(
        server.seen().len(),
        asked,
        "what the run found is not asked again"
    );
    expect(
        folder,
        &format!("{GATE} --calibration calibration.json"),
        0,
        "of what people found met it agreed on",
    );
    let other = with_server(
        folder,
        &words.replace("--out", "--judge-votes 5 --out"),
        &server,
    );
    assert_eq!(other.code, Some(6));
    assert!(
        other.talk.contains("the judge of this key is another one"),
        "{}",
        other.talk
    );
}
