//! Whole runs on the managed-agents platform: practice, a hosted dream, arms, and nothing left behind.

use dreameval::files::TemporaryFolder;

use crate::hosted_room::{Set, is_whole, rate, setup};

#[test]
fn a_whole_run_practises_dreams_and_replays_and_leaves_nothing_behind() {
    let platform = setup().start();
    let folder = TemporaryFolder::create("hosted").unwrap();
    let ran = Set::of(&platform.address).run(folder.path());
    let ended = ran.ended.clone().unwrap();
    let finished = ran.finished();
    assert!(finished.records.iter().all(is_whole));
    let (bare, dreamed) = (rate(&finished, "bare"), rate(&finished, "dreamed"));
    assert!(bare.0 < dreamed.0, "{bare:?} {dreamed:?}");
    let dream = finished.dream.unwrap();
    assert_eq!(dream.input_before, dream.input_after);
    assert!(dream.usage.unwrap().cost_usd.is_some());
    let usage = finished.records[0].usage.unwrap();
    assert!(usage.input_tokens.is_some() && usage.cost_usd.is_some());
    assert_eq!(
        (ended.left, ended.kept, ended.changed),
        (vec![], vec![], vec![])
    );
    assert_eq!(platform.counts().left, [].into());
}
