//! `check`: parses everything of a suite and proves its ruler.

use std::sync::Arc;

use crate::{
    agents::{Agent as _, Label, Work, scripted::Script},
    cli::{args::CheckArgs, commands::runtime, exit::Exit, speech},
    domain::{
        memory::Store,
        suite::{Kit, Suite},
        task::{Split, Task},
        world::Visibility,
    },
    draw::Key,
    environment::{Desk, Place, Scene},
    error::{Error, Result, count},
    formats::{memory::learnings, suite::load_suite},
    scoring,
};

/// Share of tasks the spammer may complete, in percent.
const SPAM_AT_MOST: usize = 5;

/// Reads the suite, then lets expert, idler and spammer play every task.
pub fn check(args: &CheckArgs) -> Result<Exit> {
    let suite = load_suite(&args.suite, args.world_seed)?;
    speech::answer(&contents(&suite));
    let Some(world) = suite.world() else {
        speech::answer("ruler: not proven, since the suite has no world for an expert to play");
        return Ok(Exit::Done);
    };
    let mut tally = Tally::default();
    let runtime = runtime()?;
    let judged = left_to_a_judge(&suite);
    let canaries = suite.split(Split::Canary);
    let canaries = canaries.filter(|(_, it)| !is_judged(it)).count();
    for task in suite.tasks.iter().filter(|it| !is_judged(it)) {
        let scene = Arc::new(Scene::new(world, &task.brief)?);
        let key = Key::root(args.seed).word(task.id.as_str());
        if task.split == Split::Canary {
            let idle = runtime.block_on(play(task, &scene, Script::Nothing, key))?;
            let spam = runtime.block_on(play(task, &scene, Script::Anything, key))?;
            tally
                .idle_trips
                .extend(idle.trips.then(|| task.id.to_string()));
            tally.spam_trips += usize::from(spam.trips);
            continue;
        }
        match scene.solution() {
            Some(solution) => {
                let script = Script::Calls(solution.calls);
                let played = runtime.block_on(play(task, &scene, script, key))?;
                tally.expert += usize::from(played.completed);
                tally.lost += usize::from(played.is_lost);
                if !played.completed && !played.is_lost {
                    tally.failed.push(task.id.to_string());
                }
            }
            None => tally.unsolvable.push(task.id.to_string()),
        }
        tally.idler += usize::from(
            runtime
                .block_on(play(task, &scene, Script::Nothing, key))?
                .completed,
        );
        tally.spammer += usize::from(
            runtime
                .block_on(play(task, &scene, Script::Anything, key))?
                .completed,
        );
    }
    let tasks = suite.tasks.len() - judged - canaries;
    speech::answer(&tally.tell(tasks, canaries));
    Ok(if tally.is_proven(tasks) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn is_judged(task: &Task) -> bool {
    !task.grader.judged().is_empty()
}

/// How many tasks no script can prove, told where there are any.
fn left_to_a_judge(suite: &Suite) -> usize {
    let judged = suite.tasks.iter().filter(|it| is_judged(it)).count();
    if 0 < judged {
        speech::answer(&format!(
            "{} left to the judge of a rubric, which no script proves: hold it against people's labels with `judge \
             calibrate`",
            count(judged, "task")
        ));
    }
    judged
}

#[derive(Debug, Default)]
struct Tally {
    expert: usize,
    idler: usize,
    spammer: usize,
    lost: usize,
    failed: Vec<String>,
    unsolvable: Vec<String>,
    /// Canaries that trip although nothing is done.
    idle_trips: Vec<String>,
    spam_trips: usize,
}

/// How a script fared at a task.
struct Fared {
    completed: bool,
    is_lost: bool,
    trips: bool,
}

impl Tally {
    fn is_proven(&self, tasks: usize) -> bool {
        self.failed.is_empty()
            && self.unsolvable.is_empty()
            && self.idle_trips.is_empty()
            && self.idler == 0
            && self.spammer * 100 <= tasks * SPAM_AT_MOST
    }

    fn tell(&self, tasks: usize, canaries: usize) -> String {
        let mut lines = vec![
            format!(
                "expert completed {} of {}; {} held a fault nobody can mend",
                self.expert,
                count(tasks, "task"),
                count(self.lost, "trial")
            ),
            format!("idler completed {} of {tasks}", self.idler),
            format!(
                "spammer completed {} of {tasks} (at most {SPAM_AT_MOST} %)",
                self.spammer
            ),
        ];
        if 0 < canaries {
            lines.push(format!(
                "canaries: the idler tripped {} of {canaries}, the spammer {}",
                self.idle_trips.len(),
                self.spam_trips
            ));
        }
        if !self.idle_trips.is_empty() {
            lines.push(format!(
                "trips although nothing is done: {}",
                self.idle_trips.join(", ")
            ));
        }
        if !self.unsolvable.is_empty() {
            lines.push(format!(
                "no script completes: {}",
                self.unsolvable.join(", ")
            ));
        }
        if !self.failed.is_empty() {
            lines.push(format!("the expert failed: {}", self.failed.join(", ")));
        }
        lines.push(
            if self.is_proven(tasks) {
                "ruler: proven"
            } else {
                "ruler: broken"
            }
            .to_owned(),
        );
        lines.join("\n")
    }
}

async fn play(task: &Task, scene: &Arc<Scene>, script: Script, key: Key) -> Result<Fared> {
    let mut desk = Desk::new(Arc::clone(scene), key.word("world"));
    let work = Work {
        brief: &task.brief,
        memory: &[],
        store: &Store::default(),
        kit: &Kit::default(),
        place: Place::Desk(&mut desk),
        key,
        keep_events: false,
        label: Label::default(),
    };
    let attempt = script
        .attempt(work)
        .await
        .map_err(|fault| Error::outside(fault.told))?;
    let grade = scoring::judge(task, &attempt, &Place::Desk(&mut desk), None)
        .await
        .map_err(Error::outside)?;
    Ok(Fared {
        completed: grade.completed,
        is_lost: desk.is_lost(),
        trips: !grade.trips.is_empty(),
    })
}

fn contents(suite: &Suite) -> String {
    let of = |split: Split| {
        let tasks = suite.split(split).count();
        let mut families: Vec<_> = suite.split(split).map(|(_, task)| &task.family).collect();
        families.sort_unstable();
        families.dedup();
        format!(
            "{} in {}",
            count(tasks, &format!("{} task", split.word())),
            count(families.len(), "family")
        )
    };
    let mut splits = vec![of(Split::Practice), of(Split::Test), of(Split::Confirm)];
    if suite.split(Split::Canary).next().is_some() {
        splits.push(of(Split::Canary));
    }
    let mut lines = vec![
        format!("suite {}: {}", suite.name, suite.about),
        splits.join(", "),
    ];
    let read = learnings(&suite.memory);
    lines.push(format!(
        "memory: {}, {} not understood",
        count(read.learnings.len(), "learning"),
        count(read.not_understood.len(), "line")
    ));
    if let Some(world) = suite.world() {
        let of = |visibility| {
            world
                .quirks
                .iter()
                .filter(|it| it.visibility == visibility)
                .count()
        };
        lines.push(format!(
            "world: {}, {} ({} loud, {} vague, {} silent)",
            count(world.handbook.tools.len(), "tool"),
            count(world.quirks.len(), "quirk"),
            of(Visibility::Loud),
            of(Visibility::Vague),
            of(Visibility::Silent)
        ));
    }
    lines.join("\n")
}
