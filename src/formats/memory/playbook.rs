//! Our own playbook form: front matter of six known keys, then the procedure an agent is shown.

use std::ops::Range;

use crate::domain::memory::LearningKind;
use crate::error::{Error, Result, did_you_mean};
use crate::formats::memory::front_matter::{self, FrontMatter};
use crate::formats::memory::pieces::{Piece, Pieces, start_of, trimmed};

/// The keys of the front matter, in the order they are written.
pub(crate) const KEYS: [&str; 6] = ["name", "description", "when", "roles", "evidence", "author"];

/// The keys no other shape uses: one of them makes a file a playbook of ours.
const OWN_KEYS: [&str; 3] = ["when", "roles", "evidence"];

/// A playbook as its file gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Playbook {
    /// A title for people; never blank.
    pub name: String,
    /// What it is good for, in a sentence; may be empty.
    pub description: String,
    /// The condition it is meant for, for people: the body carries its own conditions.
    pub when: Option<String>,
    /// The roles it is meant for; empty means every role.
    pub roles: Vec<String>,
    /// Sessions that speak for it.
    pub evidence: Vec<String>,
    /// The procedure, without blank space around it; never blank.
    pub body: String,
}

/// Writes a playbook such that [`read_playbook`] gives the same fields.
pub fn render_playbook(playbook: &Playbook) -> String {
    let mut text = String::from("---\n");
    text.push_str(&front_matter::text_field("name", &playbook.name));
    text.push_str(&front_matter::text_field(
        "description",
        &playbook.description,
    ));
    if let Some(when) = &playbook.when {
        text.push_str(&front_matter::text_field("when", when));
    }
    for (key, items) in [("roles", &playbook.roles), ("evidence", &playbook.evidence)] {
        if !items.is_empty() {
            text.push_str(&front_matter::list_field(key, items));
        }
    }
    text.push_str("---\n\n");
    text.push_str(playbook.body.trim());
    text.push('\n');
    text
}

/// Reads a playbook; every fault is told together, with line and column but no file.
pub fn read_playbook(text: &str) -> Result<Playbook> {
    let Some(matter) = front_matter::read(text, &KEYS) else {
        return Err(Error::input("this playbook has no front matter")
            .at(1, 1)
            .mend("begin it with `---`, `name: …`, and `---` again, each on its own line"));
    };
    let closing_line = matter.closing_line()?;
    let mut faults = matter.faults.clone();
    let playbook = fields_of(&matter, text, &mut faults);
    faults.extend(silence_of(&playbook, closing_line));
    Error::join(faults).map_or(Ok(playbook), Err)
}

/// Whether front matter is that of our own form: one of its own keys is there, perhaps misspelt by one letter, or
/// there is a name and nothing unknown.
pub(crate) fn is_ours(matter: &FrontMatter<'_>) -> bool {
    let keys: Vec<&str> = matter.fields.iter().map(|it| it.key).collect();
    let is_near = |key: &&str| {
        !KEYS.contains(key)
            && KEYS
                .iter()
                .any(|known| strsim::osa_distance(key, known) == 1)
    };
    keys.iter().any(|key| OWN_KEYS.contains(key))
        || keys.iter().any(is_near)
        || keys.contains(&"name") && keys.iter().all(|key| KEYS.contains(key))
}

/// The one learning of a playbook's file.
pub(crate) fn pieces(
    text: &str,
    matter: &FrontMatter<'_>,
) -> std::result::Result<Pieces, Vec<Error>> {
    let closing_line = matter.closing_line().map_err(|error| vec![error])?;
    let mut faults = matter.faults.clone();
    let playbook = fields_of(matter, text, &mut faults);
    faults.extend(silence_of(&playbook, closing_line));
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Pieces {
        pieces: vec![Piece {
            name: playbook.name,
            kind: LearningKind::Playbook,
            span: start_of(text)..text.len(),
            shown: body_of(matter, text),
            roles: playbook.roles,
            evidence: playbook.evidence,
        }],
        structure: Vec::new(),
    })
}

/// The part of a file behind its front matter, without blank space around it.
pub(crate) fn body_of(matter: &FrontMatter<'_>, text: &str) -> Range<usize> {
    trimmed(text, matter.body..text.len())
}

fn fields_of(matter: &FrontMatter<'_>, text: &str, faults: &mut Vec<Error>) -> Playbook {
    for field in &matter.fields {
        if !KEYS.contains(&field.key) {
            faults.push(
                Error::input(format!("a playbook has no key `{}`", field.key))
                    .at(field.line, 1)
                    .mend(did_you_mean(field.key, "keys", KEYS)),
            );
        }
    }
    let mut keep = |error: Error| faults.push(error);
    let name = matter.text("name").unwrap_or_else(|error| {
        keep(error);
        Some("?".to_owned())
    });
    let description = matter.text("description").unwrap_or_else(|error| {
        keep(error);
        None
    });
    let when = matter.text("when").unwrap_or_else(|error| {
        keep(error);
        None
    });
    let [roles, evidence] = ["roles", "evidence"].map(|key| {
        matter.list(key).unwrap_or_else(|error| {
            keep(error);
            Vec::new()
        })
    });
    let name = name.unwrap_or_default();
    if name.trim().is_empty() {
        keep(
            Error::input("this playbook has no name")
                .at(1, 1)
                .mend("add a line `name: …` to its front matter"),
        );
    }
    let body = text[body_of(matter, text)].to_owned();
    Playbook {
        name,
        description: description.unwrap_or_default(),
        when,
        roles,
        evidence,
        body,
    }
}

/// A playbook without a text would be promoted for nothing.
fn silence_of(playbook: &Playbook, closing_line: usize) -> Option<Error> {
    playbook.body.is_empty().then(|| {
        Error::input("this playbook says nothing: no text stands below its front matter")
            .at(closing_line, 1)
            .mend("write the procedure below, or remove the file")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_playbook_is_written_with_its_keys_in_order() {
        let playbook = Playbook {
            name: "Convert legacy files".into(),
            description: "For drafts in wpd: convert first".into(),
            when: Some("format is wpd".into()),
            roles: vec!["associate".into()],
            evidence: vec!["s-1".into(), "s, 2".into()],
            body: "When format is wpd, do convert before open".into(),
        };
        assert_eq!(
            render_playbook(&playbook),
            "---\nname: Convert legacy files\ndescription: \"For drafts in wpd: convert first\"\n\
             when: format is wpd\nroles: [associate]\nevidence: [s-1, \"s, 2\"]\n---\n\n\
             When format is wpd, do convert before open\n"
        );
    }

    #[test]
    fn a_missing_name_is_told_at_the_front_matter() {
        assert_eq!(
            read_playbook("---\nwhen: x\n---\ny")
                .unwrap_err()
                .to_string(),
            "error: this playbook has no name\n  --> :1:1\n\nhint: add a line `name: …` to its front matter"
        );
    }

    #[test]
    fn foreign_front_matter_is_not_taken_for_a_playbook() {
        let is_ours = |keys: &str| {
            let text = format!("---\n{keys}---\nx");
            is_ours(&front_matter::read(&text, &KEYS).unwrap())
        };
        assert!(is_ours("name: a\n"));
        assert!(is_ours("rolse: a\n"));
        assert!(is_ours("title: a\nwhen: b\n"));
        assert!(!is_ours("name: a\ntype: feedback\n"));
        assert!(!is_ours("description: a\nglobs: b\n"));
        assert!(!is_ours("date: 2026-01-01\n"));
    }

    proptest! {
        #[test]
        fn reading_back_gives_the_same_playbook(
            name in "\\PC{0,20}[a-z]", description in any::<String>(), when in any::<Option<String>>(),
            roles in prop::collection::vec(any::<String>(), 0..4),
            evidence in prop::collection::vec("[a-z,:#'\" \\[\\]-]{0,8}", 0..4),
            body in "[a-z]\\PC{0,40}(\n---\n\\PC{0,10})?",
        ) {
            let body = body.trim().to_owned();
            let playbook = Playbook { name, description, when, roles, evidence, body };
            prop_assert_eq!(read_playbook(&render_playbook(&playbook)).unwrap(), playbook);
        }
    }
}
