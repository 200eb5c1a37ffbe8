//! Frames of 100,000 records, a paired comparison over them, and the attribution regression.

use criterion::{Criterion, criterion_group, criterion_main};
use dreameval::{
    analysis::{evidence, frames::to_parquet},
    domain::{
        id::{ArmName, FamilyId, TaskId},
        trial::TrialRow,
    },
    draw::Key,
    statistics::{FoldoverPair, regress},
};

fn rows(count: u32) -> Vec<TrialRow> {
    let key = Key::root(1);
    (0..count)
        .map(|number| {
            let task = number / 2 % 1000;
            TrialRow {
                suite: "bench".into(),
                task: TaskId::new(format!("task-{task}")),
                family: FamilyId::new(format!("family-{}", task % 40)),
                split: "test".into(),
                repeat: number / 2000,
                arm: ArmName::new(if number % 2 == 0 { "bare" } else { "dreamed" }),
                completed: Some(key.chance(u64::from(number), 300 + number % 2 * 200)),
                violations: Some(0),
                ..TrialRow::default()
            }
        })
        .collect()
}

fn frames(criterion: &mut Criterion) {
    let rows = rows(100_000);
    let mut group = criterion.benchmark_group("100,000 rows");
    group.sample_size(10);
    group.bench_function("to Parquet", |bencher| {
        bencher.iter(|| to_parquet(&rows).expect("rows become Parquet"));
    });
    let order = ["bare", "dreamed"].map(ArmName::new);
    let contrast = [(order[0].clone(), order[1].clone())];
    group.bench_function("paired comparison", |bencher| {
        bencher.iter(|| evidence(&rows, &order, &contrast, &[]).expect("arms compare"));
    });
    group.finish();
}

fn attribution(criterion: &mut Criterion) {
    let learnings = 40;
    let key = Key::root(2);
    let signs: Vec<Vec<i8>> = (0..1000)
        .map(|pair: u64| {
            (0..learnings)
                .map(|it| match key.number(pair).below(it, 8) {
                    0 => 1,
                    1 => -1,
                    _ => 0,
                })
                .collect()
        })
        .collect();
    let pairs: Vec<FoldoverPair<'_>> = signs
        .iter()
        .enumerate()
        .map(|(index, signs)| FoldoverPair {
            task: index % 70,
            signs,
            difference: f64::from(signs[0]) * 0.5,
        })
        .collect();
    criterion.bench_function("regression of 1,000 pairs on 40 learnings", |bencher| {
        bencher.iter(|| regress(&pairs, learnings as usize));
    });
}

criterion_group!(benches, frames, attribution);
criterion_main!(benches);
