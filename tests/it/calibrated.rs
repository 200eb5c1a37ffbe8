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
fn with_server(folder: &Path, arguments: &[&str], server: &Server) -> Said {
    let mut command = command(
        folder,
        arguments.iter().chain(&["--base-url", &server.address]),
    );
    command.env("ANTHROPIC_API_KEY", "sk-test");
    end(command.spawn().unwrap())
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
         each by its own labels: +37 points (95 % interval +19 to +55)\n"
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
    let said = with_server(folder.path(), &words, &server);
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

/// A finished run of the fees behind an honest judge, its gate not asked yet.
fn played(folder: &Path, server: &Server) {
    write_suite(&folder.join("fees"), 2, 40);
    let words = [
        "run",
        "fees",
        "--agent",
        "anthropic:m",
        "--dreamer",
        "null",
        "--judge",
        "anthropic:m",
        "--arms",
        "bare,stored,dreamed",
        "--repeats",
        "1",
        "--pairs",
        "120",
        "--out",
        "run",
        "--quiet",
    ];
    let said = with_server(folder, &words, server);
    assert_eq!(said.code, Some(0), "{}", said.talk);
}

fn calibrate(folder: &Path, server: &Server, table: &str, votes: &str) {
    fs::write(folder.join("labels.csv"), table).unwrap();
    let words = [
        "judge",
        "calibrate",
        "--labels",
        "labels.csv",
        "--judge",
        "anthropic:m",
        "--judge-votes",
        votes,
        "--out",
        "c.json",
    ];
    let said = with_server(folder, &words, server);
    assert_eq!(said.code, Some(0), "{}", said.talk);
}

#[test]
fn a_judge_without_a_calibration_that_fits_informs_and_does_not_gate() {
    let folder = TemporaryFolder::create("calibrated").unwrap();
    let folder = folder.path();
    let server = Server::start(|seen, _| match asks(seen) {
        Asks::Judge => honest(seen),
        Asks::Agent => clerk(seen),
        Asks::Dreamer => Act::Drop,
    });
    played(folder, &server);
    // A policy that lets doubt pass lets no such judge pass.
    let policy = say(folder, ["policy"])
        .answer
        .replace("baseline = \"stored\"", "baseline = \"bare\"");
    let lenient = policy.replace("inconclusive = \"inconclusive\"", "inconclusive = \"pass\"");
    assert_ne!(policy, lenient);
    fs::write(folder.join("policy.toml"), lenient).unwrap();
    let gate = |more: &[&str]| {
        let words = ["gate", "run", "--policy", "policy.toml"];
        say(folder, words.iter().chain(more))
    };
    let said = gate(&[]);
    assert_eq!(said.code, Some(3), "{}{}", said.answer, said.talk);
    assert!(
        said.answer
            .contains("a judge without a calibration file may inform but not gate"),
        "{}",
        said.answer
    );
    let store = ["promote", "run", "--to", "store", "--policy", "policy.toml"];
    fs::create_dir(folder.join("store")).unwrap();
    let promoted = say(folder, store);
    assert_eq!(
        promoted.code,
        Some(3),
        "{}{}",
        promoted.answer,
        promoted.talk
    );
    assert!(
        promoted
            .answer
            .contains("no learning was promoted: rubrics are judged by"),
        "{}",
        promoted.answer
    );
    // Another judge's calibration is none.
    calibrate(folder, &server, &table(false), "5");
    let said = gate(&["--calibration", "c.json"]);
    assert_eq!(said.code, Some(3));
    assert!(
        said.answer
            .contains("the calibration is of another judge or prompt"),
        "{}",
        said.answer
    );
    // A judge that guesses is none either.
    calibrate(
        folder,
        &server,
        &table(false)
            .replace(",not met,", ",x,")
            .replace(",met,", ",not met,")
            .replace(",x,", ",met,"),
        "3",
    );
    let said = gate(&["--calibration", "c.json"]);
    assert!(
        said.answer
            .contains("do not show that the judge is better than guessing"),
        "{}",
        said.answer
    );
    calibrate(folder, &server, &table(false), "3");
    let said = gate(&["--calibration", "c.json"]);
    assert_eq!(said.code, Some(0), "{}{}", said.answer, said.talk);
    assert!(
        said.answer
            .contains("of what people found met it agreed on 60 of 60"),
        "{}",
        said.answer
    );
    let words = store.iter().chain(&["--calibration", "c.json"]);
    let promoted = say(folder, words);
    assert_eq!(
        promoted.code,
        Some(0),
        "{}{}",
        promoted.answer,
        promoted.talk
    );
    assert!(
        folder.join("store/notes.md").exists(),
        "{}",
        promoted.answer
    );
    let report = fs::read_to_string(folder.join("run/report.md")).unwrap();
    assert!(report.contains("The judge of the rubrics, apart from the attempts"));
    assert!(
        !server
            .seen()
            .iter()
            .any(|it| asks(it) == Asks::Judge && first_message(it).contains("autumn"))
    );
}
