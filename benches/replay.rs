//! Embedded trials a second with the journal on, with one worker and with eight.
//!
//! `cargo bench --bench replay`; the README quotes the ratio of the two, measured in one run.

use std::{path::Path, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dreameval::{
    agents::embedded::{Embedded, Policy},
    domain::{
        id::{ArmName, Digest},
        memory::Store,
    },
    files::TemporaryFolder,
    formats::{memory::learnings, suite::load_suite},
    runner::{
        self, Keep, Pace,
        bench::Bench,
        journal::{self, Journal},
        plan::PlannedTrial,
        reuse::Earlier,
        transcripts::Pack,
    },
    study::{
        arms,
        plan::{Amount, Roster, replay},
    },
};
use tokio::runtime::Runtime;

/// Foldover pairs of one measured run.
const PAIRS: u32 = 5_000;

fn bench_and_plan() -> (Arc<Bench>, Arc<[PlannedTrial]>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/legal-desk");
    let suite = Arc::new(load_suite(&folder, None).expect("the shipped suite loads"));
    let agent = Arc::new(Embedded::new(Policy::Planner));
    let mut bench = Bench::new(Arc::clone(&suite), agent, 1).expect("the shipped briefs fit");
    let store = suite
        .world()
        .map_or_else(Store::default, |world| arms::oracle(world));
    let read = learnings(&store);
    let arm = bench
        .add_arm(ArmName::new("oracle"), store, read)
        .expect("a store has room");
    let roster = Roster {
        replayed: Vec::new(),
        swept: Vec::new(),
        attributed: Some(arm),
    };
    let amount = Amount {
        practice_repeats: 0,
        repeats: 0,
        pairs: PAIRS,
        sweeps: true,
    };
    let trials = replay(&suite, &bench.arms, &roster, &amount, 1).into();
    (Arc::new(bench), trials)
}

fn play(runtime: &Runtime, bench: &Arc<Bench>, trials: &Arc<[PlannedTrial]>, workers: usize) {
    let folder = TemporaryFolder::create("bench").expect("a scratch folder");
    let run = Digest::of(b"bench");
    let mut journal = Journal::create(&journal::path_in(folder.path()), &run).expect("a journal");
    let mut pack = Pack::open(&folder.path().join("pack")).expect("a pack");
    let pace = Pace {
        workers,
        halt: Arc::default(),
        purse: None,
    };
    let keep = Keep {
        journal: &mut journal,
        pack: &mut pack,
        earlier: &Earlier::default(),
    };
    let records = runtime
        .block_on(runner::play(bench, trials, &pace, keep, &mut |_| {}))
        .expect("trials play");
    assert_eq!(records.map(|it| it.len()), Some(trials.len()));
}

fn trials_a_second(criterion: &mut Criterion) {
    let (bench, trials) = bench_and_plan();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    let mut group = criterion.benchmark_group("embedded trials, journal on");
    group
        .throughput(Throughput::Elements(trials.len() as u64))
        .sample_size(10);
    for workers in [1, 8] {
        group.bench_function(BenchmarkId::new("workers", workers), |bencher| {
            bencher.iter(|| play(&runtime, &bench, &trials, workers));
        });
    }
    group.finish();
}

criterion_group!(benches, trials_a_second);
criterion_main!(benches);
