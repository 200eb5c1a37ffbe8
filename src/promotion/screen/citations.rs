//! Citations: which sessions a learning rests on, and whether they are known.

use std::collections::BTreeSet;

use crate::domain::memory::{Learning, LearningKind};
use crate::promotion::screen::Spot;

/// Cited sessions that are not among the known ones, by place in the learning's `bytes`.
pub(super) fn unknown(
    learning: &Learning,
    bytes: &str,
    sessions: Option<&BTreeSet<String>>,
) -> Vec<Spot> {
    let Some(sessions) = sessions else {
        return Vec::new();
    };
    let cited = learning.evidence.iter().enumerate();
    cited
        .filter(|(_, it)| !sessions.contains(*it))
        .map(|(number, it)| Spot {
            offset: place_of(it, bytes),
            says: format!(
                "session {} of its evidence is none of the {} known ones",
                number + 1,
                sessions.len()
            ),
        })
        .collect()
}

/// A playbook that cites nothing. Notes have no place for citations.
pub(super) fn missing(learning: &Learning) -> Vec<Spot> {
    let is_bare = learning.kind == LearningKind::Playbook && learning.evidence.is_empty();
    let spot = is_bare.then(|| Spot {
        offset: 0,
        says: "a playbook that cites no session".into(),
    });
    spot.into_iter().collect()
}

/// Evidence from one session alone.
pub(super) fn single(learning: &Learning, bytes: &str) -> Vec<Spot> {
    let distinct: BTreeSet<&String> = learning.evidence.iter().collect();
    let only = distinct.first().filter(|_| distinct.len() == 1);
    only.map(|it| Spot {
        offset: place_of(it, bytes),
        says: "its evidence is one session".into(),
    })
    .into_iter()
    .collect()
}

/// Where a citation stands behind the key `evidence`; the beginning where it is written otherwise than it reads.
fn place_of(cited: &str, bytes: &str) -> usize {
    let start = bytes.find("evidence").unwrap_or_default();
    bytes[start..].find(cited).map_or(start, |at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::{Entry, Store};
    use crate::formats::memory::learnings;

    fn playbook(evidence: &str) -> (Learning, String) {
        let text = format!("---\nname: a\nevidence: {evidence}\n---\ndo convert\n");
        let store = Store::new(vec![Entry {
            path: "/a.md".into(),
            text: text.clone(),
        }]);
        (learnings(&store).learnings.remove(0), text)
    }

    #[test]
    fn sessions_nobody_knows_are_found_where_sessions_are_known() {
        let known: BTreeSet<String> = ["s-1".to_owned(), "s-2".to_owned()].into();
        let (learning, text) = playbook("[s-1, s-9]");
        let found = unknown(&learning, &text, Some(&known));
        assert_eq!(
            found,
            [Spot {
                offset: 28,
                says: "session 2 of its evidence is none of the 2 known ones".into()
            }]
        );
        assert_eq!(unknown(&learning, &text, None), []);
        let (learning, text) = playbook("[s-1, s-2]");
        assert_eq!(unknown(&learning, &text, Some(&known)), []);
    }

    #[test]
    fn no_citation_and_a_single_one_are_noted() {
        let counts = |evidence: &str| {
            let (learning, text) = playbook(evidence);
            (missing(&learning).len(), single(&learning, &text).len())
        };
        assert_eq!(counts("[]"), (1, 0));
        assert_eq!(counts("[s-1]"), (0, 1));
        assert_eq!(counts("[s-1, s-1]"), (0, 1));
        assert_eq!(counts("[s-1, s-2]"), (0, 0));
        let (mut note, _) = playbook("[]");
        note.kind = LearningKind::Note;
        assert_eq!(missing(&note), []);
    }
}
