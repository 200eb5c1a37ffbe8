//! The committed example: what the README's main job leaves, rendered again and compared byte for byte.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use dreameval::files::TemporaryFolder;

/// Set to write the example anew instead of comparing.
const REWRITE: &str = "DREAMEVAL_REWRITE_EXAMPLE";

/// What the example keeps of a run: everything a reader opens, not the trials.
const KEPT: [&str; 10] = [
    "report.html",
    "report.md",
    "junit.xml",
    "evidence.json",
    "verdicts.json",
    "screen.sarif",
    "arms.svg",
    "budgets.svg",
    "families.svg",
    "learnings.svg",
];

#[test]
fn the_example_is_what_the_main_job_leaves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = root.join("reports/example");
    let scratch = TemporaryFolder::create("example").unwrap();
    let run = scratch.path().join("run");
    let ended = Command::new(env!("CARGO_BIN_EXE_dreameval"))
        .current_dir(root)
        .args(["run", "scenarios/legal-desk", "--quiet", "--out"])
        .arg(&run)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    if is_rewriting() {
        fs::create_dir_all(&example).unwrap();
        for name in KEPT {
            fs::copy(run.join(name), example.join(name)).unwrap();
        }
    }
    let differing: Vec<PathBuf> = KEPT
        .iter()
        .map(|name| example.join(name))
        .filter(|kept| {
            let fresh = run.join(kept.file_name().unwrap());
            fs::read(kept).ok() != fs::read(fresh).ok()
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{differing:?} would read otherwise now; look at the change, then write them anew with {REWRITE}=1"
    );
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn is_rewriting() -> bool {
    std::env::var_os(REWRITE).is_some()
}
