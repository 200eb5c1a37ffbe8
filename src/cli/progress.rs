//! Progress on stderr: rate, time left, and running completion per arm; bars only on a terminal.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    cli::speech,
    error::{count, dollars},
    hosted::Ended,
    runner::{event::Event, plan::Stage},
};

/// Watches a run and tells of it.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_quiet: bool,
    arms: BTreeMap<u16, (u32, u32)>,
    names: Vec<String>,
    /// What all trials so far cost, where anybody said.
    dollars: Option<f64>,
}

impl Progress {
    /// A watcher; `names` are the arms as far as they are known, by index.
    pub fn new(is_quiet: bool) -> Self {
        let target = if speech::may_draw() && !is_quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bar: ProgressBar::with_draw_target(None, target),
            is_quiet,
            arms: BTreeMap::new(),
            names: Vec::new(),
            dollars: None,
        }
    }

    /// Takes in an event.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::StageBegan {
                stage,
                planned,
                resumed,
                arms,
            } => self.begin(*stage, *planned, *resumed, arms),
            Event::Committed {
                arm,
                is_of_arm,
                completed,
                cost_usd,
            } => {
                if let Some(dollars) = cost_usd {
                    *self.dollars.get_or_insert(0.0) += dollars;
                }
                if *is_of_arm && let Some(completed) = completed {
                    let counts = self.arms.entry(*arm).or_default();
                    counts.0 += u32::from(*completed);
                    counts.1 += 1;
                }
                self.bar.inc(1);
                if !self.bar.is_hidden() {
                    self.bar.set_message(self.running());
                }
            }
            Event::Reused { trials } => {
                self.say(&format!("reusing: {}", count(*trials, "trial")));
            }
            Event::StageEnded { .. } => self.bar.finish_and_clear(),
            Event::Dreaming { sessions, cost } => {
                let cost = match cost {
                    Some(it) => format!(
                        ", which may cost {} to {}",
                        dollars(it.start),
                        dollars(it.end)
                    ),
                    None => String::new(),
                };
                self.say(&format!(
                    "dreaming over {}{cost}",
                    count(*sessions, "session")
                ));
            }
            Event::Dreamed {
                sessions,
                learnings,
            } => self.say(&format!(
                "dreamed over {}: {}",
                count(*sessions, "session"),
                count(*learnings, "learning")
            )),
            // Said to those who want quiet as well: it may cost money.
            Event::Tidied(ended) => {
                if let Some(told) = tidied(ended) {
                    self.bar.suspend(|| speech::remark(&told));
                }
            }
        }
    }

    fn begin(&mut self, stage: Option<Stage>, planned: usize, resumed: usize, arms: &[String]) {
        self.arms.clear();
        self.names = arms.to_vec();
        let verb = match stage {
            Some(Stage::Practice) => "practising",
            Some(Stage::Replay) | None => "replaying",
        };
        self.bar.reset();
        self.bar.set_length(planned as u64);
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix} {wide_bar} {pos}/{len} {per_sec} {eta} left\n{msg}",
        ) {
            self.bar.set_style(style);
        }
        self.bar.set_prefix(verb);
        let more = match resumed {
            0 => String::new(),
            done => format!(", {done} of them in the journal already"),
        };
        self.say(&format!("{verb}: {}{more}", count(planned, "trial")));
    }

    /// `bare 12/40  dreamed 31/40  $0.42`
    fn running(&self) -> String {
        let mut parts: Vec<String> = self
            .arms
            .iter()
            .map(|(arm, (completed, graded))| {
                let name = self.names.get(usize::from(*arm)).map_or("", String::as_str);
                format!("{name} {completed}/{graded}")
            })
            .collect();
        parts.extend(self.dollars.map(dollars));
        parts.join("  ")
    }

    fn say(&self, text: &str) {
        if !self.is_quiet {
            self.bar.suspend(|| speech::remark(text));
        }
    }
}

/// What is left on the managed-agents platform, by name; `None` where nothing is.
pub fn tidied(ended: &Ended) -> Option<String> {
    let mut lines = Vec::new();
    if !ended.kept.is_empty() {
        lines.push(format!(
            "left on the platform for `--resume` to dream over: {} ({}), with who played them",
            count(ended.kept.len(), "session"),
            few(&ended.kept, ", ")
        ));
    }
    if let Some(dream) = &ended.dream {
        lines.push(format!(
            "dream {dream} may go on on the platform, and `--resume` watches it again"
        ));
    }
    if !ended.left.is_empty() {
        lines.push(format!(
            "could not be removed from the platform: {}",
            few(&ended.left, "; ")
        ));
    }
    if let Some(why) = &ended.unsure {
        lines.push(format!(
            "it is not known what else is left on the platform: {why}"
        ));
    }
    if lines.is_empty() {
        return None;
    }
    lines.push(known_by(ended));
    Some(lines.join("\n"))
}

/// The first few of a list, and how many more there are.
fn few(list: &[String], between: &str) -> String {
    let shown = list[..list.len().min(SHOWN)].join(between);
    match list.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What is left where nothing more is removed; `None` where nothing is.
pub fn at_hand(ended: &Ended) -> Option<String> {
    if ended.left.is_empty() && ended.unsure.is_none() {
        return None;
    }
    let named = match ended.left.is_empty() {
        true => "nothing that is known".to_owned(),
        false => few(&ended.left, ", "),
    };
    let more = match &ended.unsure {
        Some(why) => format!("; {why}, and is not named"),
        None => String::new(),
    };
    Some(format!(
        "left on the platform: {named}{more}\n{}",
        known_by(ended)
    ))
}

/// Most things of the platform that are named.
const SHOWN: usize = 8;

/// How what is left is known, and how it is removed.
fn known_by(ended: &Ended) -> String {
    let mut lines = vec![format!(
        "all of it has `dreameval: {}` in its metadata, or `dreameval {}` as its name",
        ended.mark, ended.mark
    )];
    if let Some(folder) = &ended.folder {
        lines.push(format!(
            "to remove it without a resume: dreameval tidy {}",
            folder.display()
        ));
    }
    lines.join("\n")
}
