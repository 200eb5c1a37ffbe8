//! A language model that dreams: lessons of each session with their evidence, few of many, playbooks and notes of those, and
//! a word on each thing the store held. Transcripts are material; whatever cannot be used is asked for again.

mod answer;
mod drafts;
mod forecast;
mod lessons;
mod review;
mod telling;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt, stream};

use crate::{
    chat::{Again, Model, Question, Tally},
    domain::{
        dream::{Action, Change, Dream, Pattern},
        id::Digest,
        memory::{Entry, Learning, Store},
        session::Session,
        trial::Usage,
    },
    draw::Key,
    dreaming::{Boxed, Dreamer, InVain, Slept, changes::complete, curation::Fate, past::small},
    error::{Error, Result, count},
    formats::memory::{learnings, part},
    hosted::dreams::MOST_INSTRUCTIONS,
};

use drafts::Draft;
use lessons::Lesson;
use review::Review;
use telling::batches;

/// Fewest sessions that make a lesson nobody wrote down worth a line among the patterns.
const LEAST_SEEN: usize = 3;

/// Questions put at once, where none depends on another's answer.
const AT_ONCE: usize = 8;

/// A model that dreams.
#[derive(Debug)]
pub struct ChatDreamer {
    model: Model,
    instructions: Option<String>,
    seed: u64,
}

impl ChatDreamer {
    /// A dreamer with this model; `instructions` are told besides what every dream is told.
    ///
    /// # Errors
    /// The instructions are empty, or longer than a platform takes.
    pub fn new(model: Model, instructions: Option<String>, seed: u64) -> Result<Self> {
        let length = instructions.as_ref().map(|it| it.trim().chars().count());
        if length.is_some_and(|it| it == 0 || MOST_INSTRUCTIONS < it) {
            return Err(Error::usage(format!(
                "the instructions of a dream have {} characters; they have from 1 to {MOST_INSTRUCTIONS}",
                length.unwrap_or_default()
            ))
            .mend("shorten them, or leave out `--instructions`"));
        }
        Ok(Self {
            model,
            instructions,
            seed,
        })
    }

    async fn sleep(&self, sessions: &[Session], store: &Store) -> Slept {
        let mut night = Night {
            dreamer: self,
            tally: Tally::default(),
            asked: 0,
        };
        let slept = night.sleep(sessions, store).await;
        let usage = match night.tally.is_empty() {
            // Nobody was asked, so nobody was paid.
            true => Usage {
                cost_usd: Some(0.0),
                ..Usage::default()
            },
            false => night.tally.usage(),
        };
        match slept {
            Ok(Found {
                few,
                written,
                review,
            }) => Ok(self.dream_of(sessions, store, (&few, &written, &review), Some(usage))),
            Err(error) => Err(InVain {
                error,
                usage: Some(Box::new(usage)),
            }),
        }
    }

    fn unfinished(&self, why: &str) -> Error {
        Error::outside(format!("the dreamer `{}` could not finish", self.name()))
            .because(why)
            .mend("nothing was written; try again, or name another model")
    }

    fn dream_of(
        &self,
        sessions: &[Session],
        store: &Store,
        (few, written, review): (&[Lesson], &[Draft], &Review),
        usage: Option<Usage>,
    ) -> Dream {
        let old = learnings(store).learnings;
        let fates = old.iter().zip(&review.fates);
        let kept: Vec<&Learning> = fates
            .filter(|(_, fate)| fate.action == Action::Kept)
            .map(|(learning, _)| learning)
            .collect();
        let mut entries: Vec<Entry> = match kept.is_empty() {
            true => Vec::new(),
            false => part(store, &kept).entries,
        };
        let is_needed = |place: &usize| !review.covered.contains_key(place);
        let places: Vec<usize> = (0..written.len()).filter(is_needed).collect();
        let drafts: Vec<&Draft> = places.iter().map(|it| &written[*it]).collect();
        let files = drafts::entries(&drafts, &entries);
        let mut changes: Vec<Change> = drafts
            .iter()
            .zip(&files)
            .map(|(draft, file)| added(draft, file, sessions))
            .collect();
        changes.extend(
            old.iter()
                .zip(&review.fates)
                .map(|(learning, fate)| Change {
                    action: fate.action,
                    id: Some(learning.id.clone()),
                    name: learning.name.clone(),
                    path: learning.source.path.clone(),
                    why: fate.why.clone(),
                }),
        );
        entries.extend(files);
        let new = Store::new(entries);
        let mut changes = complete(changes, store, &new, "the dreamer said nothing of it");
        changes.sort_by_key(|it| it.action);
        Dream {
            dreamer: self.name(),
            changes,
            patterns: patterns(few, written, review, (&old, sessions)),
            sessions: small(sessions.len()),
            input_before: store.digest(),
            input_after: store.digest(),
            usage,
            store: new,
        }
    }
}

impl Dreamer for ChatDreamer {
    fn name(&self) -> String {
        let prompts = [
            lessons::READS,
            lessons::MERGES,
            drafts::WRITES,
            review::REVIEWS,
        ];
        let digest = Digest::of_parts(prompts.map(str::as_bytes));
        let mut part = format!("dream/1 prompts={}", digest.short());
        if let Some(instructions) = &self.instructions {
            let digest = Digest::of(instructions.as_bytes());
            part.push_str(&format!(" instructions={}", digest.short()));
        }
        self.model.choice().named(&part)
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn is_priced(&self) -> bool {
        let choice = self.model.choice();
        choice.prices.of(&choice.model).is_some()
    }

    fn forecast(&self, sessions: &[Session], store: &Store) -> Option<Range<f64>> {
        let choice = self.model.choice();
        forecast::forecast(choice.prices.of(&choice.model)?, sessions, store)
    }

    fn dream<'a>(&'a self, sessions: &'a [Session], store: &'a Store) -> Boxed<'a> {
        Box::pin(self.sleep(sessions, store))
    }
}

/// What a dream comes to.
struct Found {
    few: Vec<Lesson>,
    written: Vec<Draft>,
    review: Review,
}

/// One dream under way.
struct Night<'a> {
    dreamer: &'a ChatDreamer,
    tally: Tally,
    /// Questions put so far: each has an address of its own.
    asked: u64,
}

impl Night<'_> {
    async fn sleep(&mut self, sessions: &[Session], store: &Store) -> Result<Found> {
        let found = self.lessons(sessions).await?;
        let few = self.few(found).await?;
        let written = self.drafts(&few, sessions).await?;
        let old = learnings(store).learnings;
        let review = self.review(&old, &written).await?;
        Ok(Found {
            few,
            written,
            review,
        })
    }

    /// What the sessions teach, batch by batch.
    async fn lessons(&mut self, sessions: &[Session]) -> Result<Vec<Lesson>> {
        let batches = batches(sessions);
        let texts = batches.iter().map(lessons::question).collect();
        let read = |place: usize, reply: &str| lessons::read(reply, &batches[place]);
        Ok(self.ask_all(lessons::READS, texts, &read).await?.concat())
    }

    /// So many lessons as fit into one question. Where merging leaves more, those that most sessions show.
    async fn few(&mut self, mut found: Vec<Lesson>) -> Result<Vec<Lesson>> {
        for _ in 0..lessons::ROUNDS {
            if lessons::groups(&found).len() <= 1 {
                break;
            }
            found.sort_by(|one, other| one.text.cmp(&other.text));
            let groups = lessons::groups(&found);
            let texts = groups.iter().map(|it| lessons::merging(it)).collect();
            let read = |place: usize, reply: &str| lessons::read_merged(reply, groups[place]);
            found = self.ask_all(lessons::MERGES, texts, &read).await?.concat();
        }
        if 1 < lessons::groups(&found).len() {
            found.sort_by_key(|it| usize::MAX - it.sessions.len());
        }
        let first = lessons::groups(&found).first().map_or(0, |it| it.len());
        found.truncate(first);
        Ok(found)
    }

    async fn drafts(&mut self, few: &[Lesson], sessions: &[Session]) -> Result<Vec<Draft>> {
        if few.is_empty() {
            return Ok(Vec::new());
        }
        let roles: BTreeSet<String> = sessions.iter().map(|it| it.start.role.clone()).collect();
        let roles: Vec<String> = roles.into_iter().filter(|it| !it.is_empty()).collect();
        let texts = vec![drafts::question(few, &roles)];
        let read = |_: usize, reply: &str| drafts::read(reply, few, sessions, &roles);
        Ok(self.ask_all(drafts::WRITES, texts, &read).await?.concat())
    }

    /// The word on each old learning, in store order. Where nothing was learnt, all of them stay.
    async fn review(&mut self, old: &[Learning], written: &[Draft]) -> Result<Review> {
        let mut whole = Review::default();
        if written.is_empty() {
            let why = "nothing new was learnt".to_owned();
            whole.fates = vec![
                Fate {
                    action: Action::Kept,
                    why
                };
                old.len()
            ];
            return Ok(whole);
        }
        let slices = review::slices(old);
        let texts = slices.iter().map(|it| review::question(it, written));
        let texts = texts.collect();
        let read = |place: usize, reply: &str| review::read(reply, slices[place], written);
        for found in self.ask_all(review::REVIEWS, texts, &read).await? {
            let before = whole.fates.len();
            for (new, place) in found.covered {
                whole.covered.entry(new).or_insert(before + place);
            }
            whole.needed.extend(found.needed);
            whole.fates.extend(found.fates);
        }
        // One slice does not see another: what takes the place of something is written whatever covers it.
        let Review {
            covered, needed, ..
        } = &mut whole;
        covered.retain(|new, _| !needed.contains(new));
        Ok(whole)
    }

    /// What `read` makes of the answer to each question, in their order; several are asked at once.
    async fn ask_all<T>(
        &mut self,
        system: &str,
        texts: Vec<String>,
        read: &(dyn Fn(usize, &str) -> std::result::Result<T, String> + Sync),
    ) -> Result<Vec<T>> {
        let dreamer = self.dreamer;
        let system = match &dreamer.instructions {
            None => system.to_owned(),
            Some(more) => format!(
                "{system}\n\nWho runs this agent asks besides:\n{}",
                more.trim()
            ),
        };
        let (system, before) = (system.as_str(), self.asked);
        self.asked += texts.len() as u64;
        // Once one has failed no more are put, and those under way are still counted.
        let is_over = &AtomicBool::new(false);
        let asking = texts.iter().enumerate().map(|(place, text)| async move {
            if is_over.load(Ordering::Relaxed) {
                return None;
            }
            let address = Key::root(dreamer.seed)
                .word("dream")
                .number(before + place as u64);
            let question = Question {
                system,
                text,
                address,
                again: Again::Told,
            };
            let mut tally = Tally::default();
            let found = question
                .ask(&dreamer.model, &mut tally, |reply| read(place, reply))
                .await;
            is_over.fetch_or(found.is_err(), Ordering::Relaxed);
            Some((found, tally))
        });
        let asking: Vec<_> = asking.collect();
        let mut answers = stream::iter(asking).buffered(AT_ONCE);
        let mut all = Ok(Vec::with_capacity(texts.len()));
        while let Some(answer) = answers.next().await {
            let Some((found, tally)) = answer else {
                continue;
            };
            // Sums of costs are taken in the order of the questions, and come out the same again.
            self.tally.join(&tally);
            match (found, &mut all) {
                (Ok(found), Ok(all)) => all.push(found),
                (Err(why), Ok(_)) => all = Err(dreamer.unfinished(&why)),
                (_, Err(_)) => {}
            }
        }
        all
    }
}

fn added(draft: &Draft, file: &Entry, sessions: &[Session]) -> Change {
    let (shown, tasks) = spread(&draft.sessions, sessions);
    Change {
        action: Action::Added,
        id: None,
        name: draft.playbook.name.clone(),
        path: file.path.clone(),
        why: format!(
            "from {} at {}: {}",
            count(shown as usize, "session"),
            count(tasks as usize, "task"),
            telling::shortened(&draft.what)
        ),
    }
}

/// How many sessions, at how many tasks.
fn spread(places: &BTreeSet<usize>, sessions: &[Session]) -> (u32, u32) {
    let shown = places.iter().filter_map(|it| sessions.get(*it));
    let tasks: BTreeSet<&str> = shown.map(|it| it.start.task.as_str()).collect();
    (small(places.len()), small(tasks.len()))
}

/// What was written down, and what many sessions show and nobody wrote down.
fn patterns(
    few: &[Lesson],
    written: &[Draft],
    review: &Review,
    (old, sessions): (&[Learning], &[Session]),
) -> Vec<Pattern> {
    let pattern = |kind, what: &str, places: &BTreeSet<usize>, answered_by| {
        let (shown, tasks) = spread(places, sessions);
        let roles = places.iter().filter_map(|it| sessions.get(*it));
        let roles: BTreeMap<&str, ()> = roles.map(|it| (it.start.role.as_str(), ())).collect();
        Pattern {
            kind,
            what: telling::shortened(what),
            roles: roles.into_keys().map(str::to_owned).collect(),
            sessions: shown,
            tasks,
            answered_by,
        }
    };
    let mut patterns: Vec<Pattern> = Vec::new();
    for (place, draft) in written.iter().enumerate() {
        let covering = review.covered.get(&place).and_then(|it| old.get(*it));
        let name = covering.map_or(&draft.playbook.name, |it| &it.name);
        patterns.push(pattern(
            draft.kind,
            &draft.what,
            &draft.sessions,
            Some(name.clone()),
        ));
    }
    for (place, lesson) in few.iter().enumerate() {
        let is_written = written.iter().any(|it| it.lessons.contains(&place));
        if !is_written && LEAST_SEEN <= lesson.sessions.len() {
            patterns.push(pattern(lesson.kind, &lesson.text, &lesson.sessions, None));
        }
    }
    patterns.sort_by_key(|it| u32::MAX - it.sessions);
    patterns
}
