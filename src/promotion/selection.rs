//! Which learnings a promoted store holds: an exact byte subset of what was evaluated.
//!
//! A learning comes in by `promote`, and by a person's word where the policy asks for one. One that is in force leaves
//! by a verdict alone: demoted, rejected, or merged into another by the dream. What is held stays as it is.

use std::collections::BTreeSet;

use crate::{
    domain::memory::{Entry, Learning, Store},
    formats::memory::learnings,
    promotion::{
        ledger::entry::{Done, Step},
        verdict::{LearningVerdict, Verdict},
    },
};

/// What a person said of a learning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// It may be promoted.
    Given,
    /// It may not, and why.
    Refused(String),
    /// Nobody has spoken, and somebody must.
    Awaited,
}

/// A store to be put in force, and what became of each learning on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The store.
    pub store: Store,
    /// One per learning evaluated or in force: evaluated ones first, in store order.
    pub steps: Vec<Step>,
}

impl Selection {
    /// How many learnings this was done with.
    pub fn count(&self, done: Done) -> usize {
        self.steps.iter().filter(|it| it.done == done).count()
    }
}

/// Chooses among the learnings of the store that was evaluated; `in_force` is the store as it stands.
pub fn select(
    evaluated: &Store,
    in_force: &Store,
    verdicts: &[LearningVerdict],
    permission: &dyn Fn(&LearningVerdict) -> Permission,
) -> Selection {
    let own = learnings(evaluated).learnings;
    let before: Vec<Learning> = learnings(in_force).learnings;
    let is_in_force = |id: &str| before.iter().any(|it| it.id.as_str() == id);
    let mut steps: Vec<Step> = own
        .iter()
        .map(|learning| {
            let verdict = verdicts.iter().find(|it| it.id == learning.id.as_str());
            step(
                learning,
                verdict,
                is_in_force(learning.id.as_str()),
                permission,
            )
        })
        .collect();
    let gone: BTreeSet<&str> = steps
        .iter()
        .filter(|it| !matches!(it.done, Done::Added | Done::Kept))
        .map(|it| it.id.as_str())
        .collect();
    let dropped: Vec<&Learning> = own
        .iter()
        .filter(|it| gone.contains(it.id.as_str()))
        .collect();
    let mut store = without(evaluated, &dropped, in_force);
    // A text that stood twice is one learning; its second copy goes too.
    loop {
        let again = learnings(&store).learnings;
        let left: Vec<&Learning> = again
            .iter()
            .filter(|it| gone.contains(it.id.as_str()))
            .collect();
        if left.is_empty() {
            break;
        }
        store = without(&store, &left, in_force);
    }
    // Whatever a file's shape did to it: what is said to stay, stays.
    let lost: Vec<&Learning> = {
        let left = learnings(&store).learnings;
        let stays = |it: &&Learning| !gone.contains(it.id.as_str());
        own.iter()
            .filter(stays)
            .filter(|it| !left.iter().any(|left| left.id == it.id))
            .collect()
    };
    let store = with_others(&unite(&store, evaluated, &lost), in_force);
    let merged = before
        .iter()
        .filter(|it| !own.iter().any(|own| own.id == it.id))
        .map(|it| Step {
            id: it.id.to_string(),
            name: it.name.clone(),
            done: Done::Left,
            because: "the dream merged it into another".to_owned(),
        });
    steps.extend(merged);
    Selection { store, steps }
}

fn step(
    learning: &Learning,
    verdict: Option<&LearningVerdict>,
    is_in_force: bool,
    permission: &dyn Fn(&LearningVerdict) -> Permission,
) -> Step {
    let stays = if is_in_force {
        Done::Kept
    } else {
        Done::Passed
    };
    let goes = if is_in_force {
        Done::Left
    } else {
        Done::Passed
    };
    let (done, because) = match verdict {
        None => (stays, "it was not tried".to_owned()),
        Some(it) => {
            let why = it.reasons.first().cloned().unwrap_or_default();
            let why = format!("{}: {why}", it.verdict.word());
            let is_open = it.is_open();
            match (it.verdict, permission(it)) {
                (Verdict::Reject | Verdict::Demote, _) => (goes, why),
                (_, Permission::Refused(why)) => (goes, format!("refused: {why}")),
                (_, Permission::Given) if is_open && is_in_force => (Done::Kept, why),
                (_, Permission::Given) if is_open => (Done::Added, why),
                (Verdict::Promote, Permission::Awaited) if is_in_force => (Done::Kept, why),
                (_, Permission::Awaited) if !is_in_force && is_open => (Done::Waits, why),
                (Verdict::Hold, _) | (Verdict::Promote, _) => (stays, why),
            }
        }
    };
    Step {
        id: learning.id.to_string(),
        name: learning.name.clone(),
        done,
        because,
    }
}

/// A store without the bytes of some learnings. A file goes where none of its learnings stays, and with a skill goes
/// its folder; a file that holds no learning stays with its skill, or where it is in force as it is.
fn without(store: &Store, dropped: &[&Learning], in_force: &Store) -> Store {
    let all = learnings(store).learnings;
    let is_dropped = |it: &Learning| dropped.iter().any(|gone| gone.id == it.id);
    let mut kept = Vec::new();
    for entry in &store.entries {
        let own: Vec<&Learning> = all
            .iter()
            .filter(|it| it.source.path == entry.path)
            .collect();
        let stays = match (own.is_empty(), skill_of(&entry.path, &all)) {
            (false, _) => own.iter().any(|it| !is_dropped(it)),
            (true, Some(skill)) => !is_dropped(skill),
            (true, None) => in_force.entries.contains(entry),
        };
        if stays {
            let gone: Vec<&Learning> = own.into_iter().filter(|it| is_dropped(it)).collect();
            kept.push(cut(entry, &gone));
        }
    }
    Store::new(kept)
}

/// The folder of a skill, with its last slash, where this is the path of a skill.
fn skill_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("SKILL.md")?;
    folder.ends_with('/').then_some(folder)
}

/// The skill whose folder a file lies in: the deepest, where skills lie in one another.
fn skill_of<'a>(path: &str, all: &'a [Learning]) -> Option<&'a Learning> {
    all.iter()
        .filter(|it| skill_folder(&it.source.path).is_some_and(|it| path.starts_with(it)))
        .max_by_key(|it| it.source.path.len())
}

/// What is in force and holds no learning, such as the scripts of a skill: it stays unless its skill leaves.
pub fn with_others(store: &Store, in_force: &Store) -> Store {
    let (all, staying) = (learnings(in_force).learnings, learnings(store).learnings);
    let mut entries = store.entries.clone();
    for entry in &in_force.entries {
        let is_learning = all.iter().any(|it| it.source.path == entry.path);
        let stays = skill_of(&entry.path, &all)
            .is_none_or(|skill| staying.iter().any(|it| it.id == skill.id));
        if !is_learning && stays && !entries.iter().any(|it| it.path == entry.path) {
            entries.push(entry.clone());
        }
    }
    Store::new(entries)
}

/// A file without the bytes of some of its learnings, line ends included.
fn cut(entry: &Entry, gone: &[&Learning]) -> Entry {
    let mut spans: Vec<(usize, usize)> = gone
        .iter()
        .map(|it| {
            let end = it.source.span.end;
            let behind = &entry.text[end..];
            let line_end = match behind {
                _ if entry.text[..end].ends_with('\n') => 0,
                it if it.starts_with("\r\n") => 2,
                it if it.starts_with('\n') => 1,
                _ => 0,
            };
            let start = it.source.span.start;
            (start, end + line_end)
        })
        .collect();
    spans.sort_unstable();
    let mut text = String::new();
    let mut at = 0;
    for (start, end) in spans {
        text.push_str(entry.text.get(at..start).unwrap_or_default());
        at = end.max(at);
    }
    text.push_str(&entry.text[at..]);
    Entry {
        path: entry.path.clone(),
        text,
    }
}

/// The store that was evaluated, with the files in force in the place of those that say the same to an agent: what is in
/// force and stays keeps every byte and its path, whatever a dream wrote around it.
pub fn as_in_force(evaluated: &Store, in_force: &Store) -> Store {
    let (own, before) = (
        learnings(evaluated).learnings,
        learnings(in_force).learnings,
    );
    let lone = |all: &[Learning], store: &Store, it: &Learning| {
        let is_lone = all
            .iter()
            .filter(|other| other.source.path == it.source.path)
            .count()
            == 1;
        let entry = store
            .entries
            .iter()
            .find(|entry| entry.path == it.source.path);
        entry.filter(|_| is_lone).cloned()
    };
    let mut kept: Vec<Entry> = Vec::new();
    let mut replaced: BTreeSet<String> = BTreeSet::new();
    for old in &before {
        let Some(new) = own.iter().find(|it| it.id == old.id) else {
            continue;
        };
        if let (Some(old), Some(new)) = (lone(&before, in_force, old), lone(&own, evaluated, new)) {
            replaced.insert(new.path);
            kept.push(old);
        }
    }
    for entry in &evaluated.entries {
        if replaced.contains(&entry.path) {
            continue;
        }
        let path = free_path(&entry.path, &kept);
        kept.push(Entry {
            path,
            text: entry.text.clone(),
        });
    }
    Store::new(kept)
}

/// The path, or the first of `name-2.md`, `name-3.md`, … that no entry has.
fn free_path(path: &str, entries: &[Entry]) -> String {
    let (stem, ending) = path.rsplit_once('.').unwrap_or((path, "md"));
    let mut free = path.to_owned();
    let mut number = 1;
    while entries.iter().any(|it| it.path == free) {
        number += 1;
        free = format!("{stem}-{number}.{ending}");
    }
    free
}

/// A store with some learnings of another beside its own, byte for byte: at their own path where they fill the whole
/// file and the path is free, else each in a file of its own below `/kept`.
pub fn unite(base: &Store, other: &Store, learnings_of_other: &[&Learning]) -> Store {
    let mut entries = base.entries.clone();
    for learning in learnings_of_other {
        let Some(bytes) = other.bytes_of(&learning.source) else {
            continue;
        };
        let whole = other
            .entries
            .iter()
            .find(|it| it.path == learning.source.path && it.text.trim() == bytes.trim());
        let is_free = |path: &str| !entries.iter().any(|it| it.path == path);
        let entry = match whole {
            Some(entry) if is_free(&entry.path) => entry.clone(),
            _ => Entry {
                path: format!("/kept/{}.md", learning.id),
                text: match bytes.ends_with('\n') {
                    true => bytes.to_owned(),
                    false => format!("{bytes}\n"),
                },
            },
        };
        let folder = skill_folder(&entry.path).map(str::to_owned);
        if is_free(&entry.path) {
            entries.push(entry);
        }
        let beside = other.entries.iter().filter(|it| {
            folder
                .as_ref()
                .is_some_and(|folder| it.path.starts_with(folder))
        });
        for entry in beside {
            if !entries.iter().any(|it| it.path == entry.path) {
                entries.push(entry.clone());
            }
        }
    }
    Store::new(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(files: &[(&str, &str)]) -> Store {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Store::new(files.iter().map(entry).collect())
    }

    fn verdict(store: &Store, text: &str, verdict: Verdict) -> LearningVerdict {
        let all = learnings(store).learnings;
        let own = all.iter().find(|it| it.text.contains(text)).unwrap();
        LearningVerdict {
            id: own.id.to_string(),
            name: own.name.clone(),
            verdict,
            cause: None,
            reasons: vec!["effect so and so".to_owned()],
            effect: None,
            interval: None,
            lower_bound: None,
            p_adjusted: None,
            pairs: 0,
            helped_tasks: Vec::new(),
            harmed_tasks: Vec::new(),
        }
    }

    fn given(_: &LearningVerdict) -> Permission {
        Permission::Given
    }

    fn files(store: &Store) -> Vec<(&str, &str)> {
        let entries = store.entries.iter();
        entries
            .map(|it| (it.path.as_str(), it.text.as_str()))
            .collect()
    }

    const NOTES: &str = "# Desk\n\n- do one\n- do two\n- do three\n";

    #[test]
    fn what_is_not_chosen_is_cut_and_no_other_byte_changes() {
        let evaluated = store(&[("/notes.md", NOTES), ("/more.md", "- do four\n- do two\n")]);
        let verdicts = [
            verdict(&evaluated, "one", Verdict::Promote),
            verdict(&evaluated, "two", Verdict::Demote),
            verdict(&evaluated, "three", Verdict::Promote),
            verdict(&evaluated, "four", Verdict::Hold),
        ];
        let chosen = select(&evaluated, &Store::default(), &verdicts, &given);
        let text = "# Desk\n\n- do one\n- do three\n";
        assert_eq!(files(&chosen.store), [("/notes.md", text)]);
        assert_eq!(
            (chosen.count(Done::Added), chosen.count(Done::Passed)),
            (2, 2)
        );
    }

    #[test]
    fn what_is_in_force_leaves_by_a_verdict_and_stays_while_it_is_held() {
        let evaluated = store(&[("/notes.md", NOTES)]);
        let verdicts = [
            verdict(&evaluated, "one", Verdict::Hold),
            verdict(&evaluated, "two", Verdict::Demote),
            verdict(&evaluated, "three", Verdict::Hold),
        ];
        let in_force = store(&[("/notes.md", "- do one\n- do two\n- do five\n")]);
        let chosen = select(&evaluated, &in_force, &verdicts, &given);
        assert_eq!(
            files(&chosen.store),
            [("/notes.md", "# Desk\n\n- do one\n")]
        );
        let done: Vec<(&str, Done)> = chosen
            .steps
            .iter()
            .map(|it| (it.name.as_str(), it.done))
            .collect();
        let done_with = |name: &str| done.iter().find(|it| it.0.contains(name)).map(|it| it.1);
        assert_eq!(done_with("one"), Some(Done::Kept));
        assert_eq!(done_with("two"), Some(Done::Left));
        assert_eq!(done_with("three"), Some(Done::Passed));
        assert_eq!(done_with("five"), Some(Done::Left));
    }

    #[test]
    fn what_waits_for_a_person_is_not_put_in_force() {
        let evaluated = store(&[("/notes.md", "- do one\n- do two\n")]);
        let verdicts = [
            verdict(&evaluated, "one", Verdict::Promote),
            verdict(&evaluated, "two", Verdict::Promote),
        ];
        let refused = verdicts[1].id.clone();
        let chosen = select(
            &evaluated,
            &Store::default(),
            &verdicts,
            &|it| match it.id == refused {
                true => Permission::Refused("too long".to_owned()),
                false => Permission::Awaited,
            },
        );
        assert!(chosen.store.entries.is_empty());
        assert_eq!(chosen.steps[0].done, Done::Waits);
        assert_eq!(chosen.steps[1].because, "refused: too long");
    }

    #[test]
    fn a_skill_goes_with_all_its_files() {
        let skill = |name: &str| {
            format!("---\nname: {name}\ndescription: does {name}\n---\n\nDo {name}.\n")
        };
        let (one, two) = (skill("one"), skill("two"));
        let evaluated = store(&[
            ("/one/SKILL.md", &one),
            ("/one/run.py", "print(1)\n"),
            ("/two/SKILL.md", &two),
            ("/two/run.py", "print(2)\n"),
        ]);
        let verdicts = [
            verdict(&evaluated, "Do one", Verdict::Promote),
            verdict(&evaluated, "Do two", Verdict::Reject),
        ];
        let chosen = select(&evaluated, &Store::default(), &verdicts, &given);
        let paths: Vec<&str> = files(&chosen.store).into_iter().map(|it| it.0).collect();
        assert_eq!(paths, ["/one/SKILL.md", "/one/run.py"]);
    }

    #[test]
    fn only_the_files_of_a_skill_go_with_it() {
        let skill = |name: &str| {
            format!("---\nname: {name}\ndescription: does {name}\n---\n\nDo {name}.\n")
        };
        let (bad, good) = (skill("bad"), skill("good"));
        let evaluated = store(&[
            ("/MY-SKILL.md", "- do one\n"),
            ("/MY-notes.md", "- do two\n"),
            ("/bad/SKILL.md", &bad),
            ("/bad/good/SKILL.md", &good),
            ("/bad/good/run.py", "print(1)\n"),
        ]);
        let verdicts = [
            verdict(&evaluated, "one", Verdict::Reject),
            verdict(&evaluated, "two", Verdict::Promote),
            verdict(&evaluated, "Do bad", Verdict::Demote),
            verdict(&evaluated, "Do good", Verdict::Promote),
        ];
        let chosen = select(&evaluated, &Store::default(), &verdicts, &given);
        let paths: Vec<&str> = files(&chosen.store).into_iter().map(|it| it.0).collect();
        assert_eq!(
            paths,
            ["/MY-notes.md", "/bad/good/SKILL.md", "/bad/good/run.py"]
        );
    }

    #[test]
    fn what_holds_no_learning_stays_where_it_is_in_force() {
        let skill = "---\nname: one\ndescription: does one\n---\n\nDo one.\n";
        let in_force = store(&[
            ("/config.json", "{}"),
            ("/one/SKILL.md", skill),
            ("/one/run.py", "print(1)\n"),
        ]);
        let evaluated = store(&[("/one/SKILL.md", skill)]);
        let with = |word| {
            let verdicts = [verdict(&evaluated, "Do one", word)];
            let chosen = select(&evaluated, &in_force, &verdicts, &given);
            let paths = files(&chosen.store).into_iter().map(|it| it.0.to_owned());
            paths.collect::<Vec<String>>()
        };
        assert_eq!(
            with(Verdict::Hold),
            ["/config.json", "/one/SKILL.md", "/one/run.py"]
        );
        assert_eq!(with(Verdict::Demote), ["/config.json"]);
    }

    #[test]
    fn what_stays_in_force_keeps_its_bytes_and_its_path() {
        let playbook = |seen: &str, body: &str| {
            format!("---\nname: x\nwhen: y\nevidence: [{seen}]\n---\n\n{body}.\n")
        };
        let (old, again, other) = (
            playbook("s-1", "Do one"),
            playbook("s-2", "Do one"),
            playbook("s-2", "Do two"),
        );
        let in_force = store(&[("/playbooks/001-a.md", &old)]);
        let evaluated = store(&[
            ("/playbooks/001-a.md", &other),
            ("/playbooks/002-a.md", &again),
        ]);
        let same = as_in_force(&evaluated, &in_force);
        assert_eq!(
            files(&same),
            [
                ("/playbooks/001-a-2.md", other.as_str()),
                ("/playbooks/001-a.md", old.as_str())
            ]
        );
    }

    #[test]
    fn united_learnings_keep_their_bytes_and_their_ids() {
        let base = store(&[("/notes.md", "- do one\n")]);
        let playbook = "---\nname: four\nwhen: x\n---\n\nDo four.\n";
        let other = store(&[
            ("/notes.md", "- do two\n- do three"),
            ("/playbooks/four.md", playbook),
        ]);
        let all = learnings(&other).learnings;
        let wanted: Vec<&Learning> = all.iter().collect();
        let united = unite(&base, &other, &wanted);
        let ids = |store: &Store| -> BTreeSet<String> {
            let all = learnings(store).learnings;
            all.into_iter().map(|it| it.id.to_string()).collect()
        };
        assert_eq!(ids(&united), &ids(&base) | &ids(&other));
        assert!(files(&united).contains(&("/playbooks/four.md", playbook)));
    }
}
