//! The catalogue of our error messages: broken files, each beside the exact text it earns.

use std::fs;
use std::path::{Path, PathBuf};

use dreameval::error::Result;

/// Set to anything, it writes the texts anew; what changed is then read in the diff.
const REWRITE: &str = "DREAMEVAL_REWRITE_TEXTS";

/// A folder of the catalogue.
pub fn shelf(name: &str) -> PathBuf {
    root().join(name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken")
}

/// What a reading says, with the catalogue's paths shown from the catalogue on.
pub fn told<T>(reading: Result<T>) -> String {
    told_from(&root(), reading)
}

/// What a reading says, with paths shown from `root` on.
pub fn told_from<T>(root: &Path, reading: Result<T>) -> String {
    let told = reading.map_or_else(
        |error| error.to_string(),
        |_| "read without an error".to_owned(),
    );
    told.replace(&format!("{}/", root.display()), "")
}

/// Asserts that everything on a shelf that ends in `ending` (folders where it is empty) earns the text beside it, and
/// that there are at least `least`.
pub fn assert_each_earns_its_text(
    shelf_name: &str,
    ending: &str,
    least: usize,
    read: impl Fn(&Path) -> String,
) {
    let mut paths: Vec<PathBuf> = fs::read_dir(shelf(shelf_name))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().unwrap_or_default() == ending)
        .collect();
    paths.sort();
    assert!(least <= paths.len(), "only {} on {shelf_name}", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let beside = path.with_extension("txt");
        let told = format!("{}\n", read(&path));
        if is_rewriting() {
            fs::write(&beside, &told).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if told != expected {
            wrong.push(format!(
                "{}\n--- told\n{told}--- expected\n{expected}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn is_rewriting() -> bool {
    std::env::var_os(REWRITE).is_some()
}
