//! Broken tables of trials: each earns the exact text beside it, and no mutation of any table panics.

use std::fs;
use std::path::{Path, PathBuf};

use dreameval::analysis::table::{Reading, Table, Trials, read_trials};
use dreameval::draw::Key;
use dreameval::error::Result;

use crate::bench_kit::mutations;

fn broken() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken/tables")
}

fn read(bytes: &[u8], name: &str) -> Result<Trials> {
    let table = Table::read(bytes, Path::new(name))?;
    read_trials(&[table], &Reading::default())
}

#[test]
fn every_broken_table_earns_the_text_beside_it() {
    let mut paths: Vec<PathBuf> = fs::read_dir(broken())
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|it| it != "txt"));
    paths.sort();
    assert!(30 <= paths.len(), "only {} broken tables", paths.len());
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let told = read(&fs::read(&path).unwrap(), name).map_or_else(
            |error| error.to_string(),
            |_| "read without an error".to_owned(),
        );
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert_eq!(format!("{told}\n"), expected, "{name}");
    }
}

#[test]
fn a_cell_longer_than_any_name_is_told() {
    let text = format!("task,arm,completed\na,x,{}\n", "1".repeat((1 << 20) + 1));
    assert_eq!(
        read(text.as_bytes(), "t.csv").unwrap_err().to_string(),
        "error: a cell of this row is longer than 1 MiB\n  --> t.csv:2:1\n\nhint: look for a quote that is never closed"
    );
}

#[test]
fn mutated_csv_files_are_read_or_refused_without_a_panic() {
    let table = "task,arm,family,trial,outcome,steps,cost_usd\na,x,f,0,1,12,0.5\n\"b, c\",x,f,0,0,,\na,y,f,0,0.5,3,1e-3\n";
    mutate(table.as_bytes(), mutations());
}

#[test]
fn mutated_parquet_files_are_read_or_refused_without_a_panic() {
    let table = fs::read(broken().join("small-integers.parquet")).unwrap();
    mutate(&table, mutations());
}

fn mutate(whole: &[u8], mutations: u64) {
    let mut refused = 0;
    for number in 0..mutations {
        let key = Key::root(23).number(number);
        let mut bytes = whole.to_vec();
        for step in 0..=key.word("steps").below(0, 4) {
            let key = key.number(step as u64);
            let at = key.below(0, bytes.len());
            let byte = key.draw(1) as u8;
            match key.below(2, 5) {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.truncate(at.max(1)),
                3 => bytes.insert(at, byte),
                _ => {
                    let last = bytes.len() - 1;
                    bytes.swap(at, last);
                }
            }
        }
        if let Err(error) = read(&bytes, "t") {
            refused += 1;
            assert!(error.to_string().starts_with("error: "));
        }
    }
    assert!(
        mutations / 10 < refused,
        "{refused} of {mutations} were refused"
    );
}
