//! `cycle`: one unattended pass: practise with the store in force, dream, evaluate, decide, promote or wait for review.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::{
        args::CycleArgs,
        commands::{
            clock::moment,
            pages::{self, Wants},
            promote::{pin, told, write_card},
            run::{begin_in, end, ended_early, hear, pace, resumed, watch},
            runtime, settle,
        },
        exit::Exit,
        progress::Progress,
        speech,
    },
    domain::{
        halt::{Halt, Why},
        id::Digest,
        memory::Store,
    },
    draw::Key,
    error::{Error, ErrorKind, Result},
    files,
    formats::memory::learnings,
    promotion::{
        contrast::{self, Finding},
        ledger::{
            Custody, Entry, Ledger,
            entry::{Done, Night, NightEnd},
        },
        policy::Policy,
        selection::Selection,
    },
    report::{html, nights, without_tricks},
    study::{
        self, Finished,
        asked::{Asked, Typed},
        conclusion::Conclusion,
        gating::budget,
        promoting::{self, Case},
    },
};

/// Who promotes where nobody does.
const UNATTENDED: &str = "cycle";

/// Plays a night, or finishes one that was cut short.
pub fn cycle(args: &CycleArgs) -> Result<Exit> {
    let custody = Custody::of(&args.store)?;
    check_args(args)?;
    let _lock = custody.lock()?;
    let policy = settle::policy(args.policy.as_deref())?;
    let mut ledger = Ledger::open(&custody.ledger_path())?;
    let (in_force, _) = custody.settle(&ledger)?;
    if let Some(ended) = args.night.as_ref().and_then(|it| ended(&ledger, it)) {
        speech::answer(&format!("this night ended before: {}", ended.word));
        return Ok(Exit::from_code(ended.exit));
    }
    let halt = Arc::new(Halt::default());
    let (night, played) = match open_night(&ledger) {
        Some(night) => match play(args, &custody, &night, &ledger, &halt) {
            Err(fault) if fault.kind() == ErrorKind::Integrity => {
                abandon(&mut ledger, &night, &fault)?;
                let night = begin_night(args, &custody, &mut ledger, &in_force)?;
                let played = play(args, &custody, &night, &ledger, &halt)?;
                (night, played)
            }
            played => (night, played?),
        },
        None => {
            let night = begin_night(args, &custody, &mut ledger, &in_force)?;
            let played = play(args, &custody, &night, &ledger, &halt)?;
            (night, played)
        }
    };
    let Some(played) = played else {
        let (told, exit) = ended_early(&halt);
        let with = match (halt.why(), args.bounds.max_cost) {
            (Some(Why::Spent(_)), Some(_)) => ", with a larger `--max-cost` where that is spent,",
            _ => "",
        };
        speech::remark(&format!(
            "{told}; the same command{with} goes on with this night"
        ));
        return Ok(exit);
    };
    let mut pass = Pass {
        custody: &custody,
        policy: &policy,
        night: &night,
        ledger,
        played: &played,
    };
    pass.decide()
}

fn check_args(args: &CycleArgs) -> Result<()> {
    if args.night.as_ref().is_some_and(|it| it.trim().is_empty()) {
        return Err(Error::usage("a night needs a name").mend("such as `--night 2026-01-31`"));
    }
    let is_export = args
        .store
        .extension()
        .is_some_and(|it| it == "json" || it == "jsonl");
    if files::exists(&args.store) && !args.store.is_dir() && !is_export {
        return Err(Error::usage("nights need a store that can grow")
            .in_file(&args.store)
            .mend("name a folder or an export; a single text holds one file"));
    }
    Ok(())
}

/// Ends a night that cannot be gone on with, since what it was begun with has changed.
fn abandon(ledger: &mut Ledger, night: &Night, fault: &Error) -> Result<()> {
    speech::remark(&format!(
        "night {} is given up: {}",
        night.night,
        fault.what()
    ));
    let end = NightEnd {
        word: "abandoned".to_owned(),
        exit: Exit::Integrity.code(),
        store: night.began_with,
        learnings: 0,
        added: 0,
        left: 0,
        rates: BTreeMap::new(),
    };
    let night = Night {
        ended: Some(end),
        ..night.clone()
    };
    ledger.append(Entry::Night(night), &moment())
}

/// What came of a night of this name, if it ended.
fn ended<'a>(ledger: &'a Ledger, name: &str) -> Option<&'a NightEnd> {
    ledger.entries().find_map(|it| match it {
        Entry::Night(night) if night.night == name => night.ended.as_ref(),
        _ => None,
    })
}

/// The night under way, if there is one.
fn open_night(ledger: &Ledger) -> Option<Night> {
    let last = ledger.entries().rev().find_map(|it| match it {
        Entry::Night(night) => Some(night),
        _ => None,
    });
    last.filter(|it| it.ended.is_none()).cloned()
}

fn begin_night(
    args: &CycleArgs,
    custody: &Custody,
    ledger: &mut Ledger,
    in_force: &Store,
) -> Result<Night> {
    let nights = ledger
        .entries()
        .filter(|it| matches!(it, Entry::Night(night) if night.ended.is_none()))
        .count() as u64;
    let name = args
        .night
        .clone()
        .unwrap_or_else(|| format!("{:03}", nights + 1));
    let began_with = custody.snapshot(in_force, ledger, &moment())?;
    let night = Night {
        folder: folder_of(args, custody, &name).display().to_string(),
        night: name,
        seed: Key::root(args.seed).word("night").draw(nights) >> 1,
        began_with,
        ended: None,
    };
    ledger.append(Entry::Night(night.clone()), &moment())?;
    Ok(night)
}

fn folder_of(args: &CycleArgs, custody: &Custody, name: &str) -> PathBuf {
    let runs = args
        .runs
        .clone()
        .unwrap_or_else(|| custody.beside(".nights"));
    let is_plain = |it: char| it.is_alphanumeric() || "-_".contains(it);
    let plain: String = name
        .chars()
        .map(|it| if is_plain(it) { it } else { '-' })
        .collect();
    // The digest keeps nights apart whose names, or whose stores', differ only in what a folder cannot be called.
    let store = custody.store_path().display().to_string();
    let mark = Digest::of_parts([store.as_bytes(), name.as_bytes()]);
    runs.join(format!("night-{plain}-{}", &mark.short()[..6]))
}

/// A night with everything played.
struct Played {
    asked: Asked,
    finished: Finished,
    folder: PathBuf,
}

/// Plays what is left of a night; `None` where it was interrupted.
fn play(
    args: &CycleArgs,
    custody: &Custody,
    night: &Night,
    ledger: &Ledger,
    halt: &Arc<Halt>,
) -> Result<Option<Played>> {
    let folder = PathBuf::from(&night.folder);
    let asked = match files::exists(&folder.join("run.json")) {
        true => {
            let asked = resumed(&folder, halt)?;
            check_own(&asked, args, night)?;
            asked
        }
        false => {
            let typed = typed(args, custody, night, ledger.head().to_string())?;
            let asked = settle::asked(typed, halt)?;
            begin_in(&asked, &folder)?;
            asked
        }
    };
    let pace = pace(&asked, args.jobs, &args.bounds, Arc::clone(halt));
    let mut progress = Progress::new(args.quiet);
    hear(asked.platform.as_ref(), args.quiet);
    let finished = runtime()?.block_on(async {
        watch(halt, &args.bounds, asked.platform.as_ref());
        study::run(&asked, &folder, &pace, &mut |event| progress.observe(event)).await
    })?;
    Ok(finished.map(|finished| Played {
        asked,
        finished,
        folder,
    }))
}

/// Refuses a run that this night did not ask for.
fn check_own(asked: &Asked, args: &CycleArgs, night: &Night) -> Result<()> {
    let is_own = asked.seed == night.seed
        && asked.suite.digests.get("memory") == Some(&night.began_with)
        && Path::new(&asked.typed.suite) == args.suite
        && asked.typed.world_seed == args.world_seed;
    if is_own {
        return Ok(());
    }
    Err(
        Error::integrity("the folder of this night holds a run it did not ask for")
            .in_file(Path::new(&night.folder))
            .mend("name another folder by `--runs`"),
    )
}

fn typed(args: &CycleArgs, custody: &Custody, night: &Night, head: String) -> Result<Typed> {
    let usual = settle::amount(args.preset);
    Ok(Typed {
        suite: args.suite.display().to_string(),
        world_seed: args.world_seed,
        stored: Some(custody.kept(&night.began_with)?.display().to_string()),
        tries_dropped: true,
        ledger_head: Some(head),
        arms: ["bare", "stored", "dreamed", "placebo"]
            .map(str::to_owned)
            .into(),
        repeats: usual.repeats,
        practice_repeats: usual.practice_repeats,
        pairs: usual.pairs,
        no_sweep: !usual.sweeps,
        seed: night.seed,
        ..settle::cast(&args.cast)?
    })
}

/// A played night and everything it is decided by.
struct Pass<'a> {
    custody: &'a Custody,
    policy: &'a Policy,
    night: &'a Night,
    ledger: Ledger,
    played: &'a Played,
}

impl Pass<'_> {
    fn decide(&mut self) -> Result<Exit> {
        let Played {
            asked,
            finished,
            folder,
        } = self.played;
        let wants = Wants {
            csv: false,
            gate: None,
            budget: budget(asked, &self.ledger),
        };
        let concluded = runtime()?.block_on(pages::conclude(
            asked,
            finished,
            self.policy,
            folder,
            &wants,
        ))?;
        end(asked, folder, concluded.journal)?;
        let conclusion = &concluded.conclusion;
        let case = Case {
            asked,
            finished,
            conclusion,
            policy: self.policy,
            by: UNATTENDED,
        };
        case.tell(&mut self.ledger, &moment())?;
        let (in_force, _) = self.custody.settle(&self.ledger)?;
        let selection = case.selection(&in_force, &self.ledger)?;
        let did = match self.done() {
            Some(word) => word,
            None => self.act(&case, &in_force, &selection)?,
        };
        self.close(conclusion, &did, selection.count(Done::Waits))?;
        let mut lines = vec![format!("night {}: {did}", self.night.night)];
        lines.push(conclusion.verdicts.dream.sentence.clone());
        if did == "promoted" {
            lines.push(told(&selection, false));
        }
        lines.push(format!("report: {}", folder.join("report.html").display()));
        lines.push(pin(&self.ledger));
        speech::answer(&lines.join("\n"));
        Ok(Exit::from_code(code(&did)))
    }

    /// What this night did already, before it was cut short.
    fn done(&self) -> Option<String> {
        let own = self.played.asked.fingerprint();
        let entries = self.ledger.entries().rev();
        entries
            .take_while(|it| !matches!(it, Entry::Night(_)))
            .find_map(|it| match it {
                Entry::Promotion { run, .. } if *run == own => Some("promoted".to_owned()),
                Entry::Rollback { by, .. } if by == UNATTENDED => Some("rolled back".to_owned()),
                _ => None,
            })
    }

    fn act(&mut self, case: &Case<'_>, in_force: &Store, selection: &Selection) -> Result<String> {
        if let Some(why) = self.disagrees(case.conclusion) {
            let said = (UNATTENDED, why.as_str());
            let custodian = (self.custody, &mut self.ledger);
            if promoting::undo(custodian, in_force, said, &moment())?.is_some() {
                return Ok("rolled back".to_owned());
            }
        }
        let custodian = (self.custody, &mut self.ledger);
        let word = match case.put(custodian, in_force, selection, &moment())? {
            true => {
                write_card(case, self.custody, &self.ledger, selection)?;
                "promoted"
            }
            false if 0 < selection.count(Done::Waits) => "waiting",
            false => "unchanged",
        };
        Ok(word.to_owned())
    }

    /// Why the store in force should not have been put there: it surely does worse than none at all.
    fn disagrees(&self, conclusion: &Conclusion) -> Option<String> {
        if conclusion.objection().is_some() {
            return None;
        }
        let mut comparisons = conclusion.evidence.comparisons.iter();
        let compared = comparisons.find(|it| it.baseline == "bare" && it.candidate == "stored")?;
        let tested = contrast::tested(compared, &conclusion.evidence, self.policy);
        (tested.finding == Finding::Harm)
            .then(|| format!("the store in force did harm. {}", tested.says))
    }

    /// Writes the night's end and the page of nights.
    fn close(&mut self, conclusion: &Conclusion, word: &str, waiting: usize) -> Result<()> {
        let store = self.custody.in_force()?;
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let moved = |done: Done| {
            let steps = self.ledger.entries().rev();
            let own = steps.take_while(|it| !matches!(it, Entry::Night(_)));
            let counts = own.map(|it| match it {
                Entry::Promotion { steps, .. } => steps.iter().filter(|it| it.done == done).count(),
                _ => 0,
            });
            small(counts.sum())
        };
        let rates: BTreeMap<String, [u32; 2]> = conclusion
            .evidence
            .arms
            .iter()
            .map(|arm| {
                (
                    arm.arm.clone(),
                    [arm.rate.completed as u32, arm.rate.trials],
                )
            })
            .collect();
        let word = match word {
            "unchanged" if 0 < waiting => "waiting",
            other => other,
        };
        let end = NightEnd {
            word: word.to_owned(),
            exit: code(word),
            store: store.digest(),
            learnings: small(learnings(&store).learnings.len()),
            added: moved(Done::Added),
            left: moved(Done::Left),
            rates,
        };
        let night = Night {
            ended: Some(end),
            ..self.night.clone()
        };
        self.ledger.append(Entry::Night(night), &moment())?;
        write_nights(self.custody, &self.ledger)
    }
}

/// A night ends with 1 where the store in force had to be put back, else with 0.
fn code(word: &str) -> u8 {
    match word {
        "rolled back" => Exit::Failed.code(),
        _ => Exit::Done.code(),
    }
}

/// Writes the page of nights beside the store.
fn write_nights(custody: &Custody, ledger: &Ledger) -> Result<()> {
    let nights: Vec<&Night> = ledger
        .entries()
        .filter_map(|it| match it {
            Entry::Night(night) => Some(night),
            _ => None,
        })
        .collect();
    let name = Path::new(custody.store_path()).file_name();
    let name = name.map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    let report = nights::report(&name, &ledger.head().to_string(), &nights)?;
    let page = without_tricks(&html::page(&report));
    files::write(&custody.beside(".nights.html"), page.as_bytes())
}
