//! Skills: a folder with a `SKILL.md`, whose front matter names and describes it. Files beside it are its own affair.

use crate::domain::memory::LearningKind;
use crate::error::Error;
use crate::formats::memory::front_matter::{self, FrontMatter};
use crate::formats::memory::pieces::{Piece, Pieces, start_of, trimmed};
use crate::formats::memory::playbook::{KEYS, body_of};

/// The folder of a skill, if `path` is that of its `SKILL.md`: `/deploy` for `/deploy/SKILL.md`.
pub(crate) fn folder_of(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    name.eq_ignore_ascii_case("SKILL.md").then_some(folder)
}

/// The one learning of a `SKILL.md`. Without front matter the folder gives the name; with it, `name` and
/// `description` must be there, and further keys are fine.
pub(crate) fn pieces(folder: &str, text: &str) -> Result<Pieces, Vec<Error>> {
    let matter = front_matter::read(text, &KEYS);
    let (name, shown) = match &matter {
        None => (None, trimmed(text, start_of(text)..text.len())),
        Some(matter) => (Some(name_of(matter)?), body_of(matter, text)),
    };
    if shown.is_empty() {
        let line = matter.and_then(|it| it.end).unwrap_or(1);
        return Err(vec![
            Error::input("this skill says nothing: it has no text an agent could be shown")
                .at(line, 1)
                .mend("write its instructions below the front matter, or remove the skill"),
        ]);
    }
    let folder_name = folder
        .rsplit('/')
        .next()
        .filter(|it| !it.is_empty())
        .unwrap_or("skill");
    Ok(Pieces {
        pieces: vec![Piece {
            name: name.unwrap_or_else(|| folder_name.to_owned()),
            kind: LearningKind::Playbook,
            span: start_of(text)..text.len(),
            shown,
            roles: Vec::new(),
            evidence: Vec::new(),
        }],
        structure: Vec::new(),
    })
}

fn name_of(matter: &FrontMatter<'_>) -> Result<String, Vec<Error>> {
    matter.closing_line().map_err(|error| vec![error])?;
    let mut faults = matter.faults.clone();
    let mut values = Vec::new();
    for key in ["name", "description"] {
        match matter.text(key) {
            Ok(Some(value)) if !value.trim().is_empty() => values.push(value),
            Ok(_) => faults.push(
                Error::input(format!("this skill has no {key}"))
                    .at(1, 1)
                    .mend(format!("add a line `{key}: …` to its front matter")),
            ),
            Err(error) => faults.push(error),
        }
    }
    if faults.is_empty() {
        Ok(values.swap_remove(0))
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_one_playbook_named_by_its_front_matter() {
        let text = "---\nname: deploy\ndescription: >\n  Use when\n  it fails\nmetadata:\n  a: b\n---\n1. Look\n\n2. Act\n";
        let pieces = pieces("/deploy", text).unwrap().pieces;
        assert_eq!(pieces[0].name, "deploy");
        assert_eq!(&text[pieces[0].shown.clone()], "1. Look\n\n2. Act");
        assert_eq!(pieces[0].span, 0..text.len());
    }

    #[test]
    fn a_skill_without_front_matter_has_the_name_of_its_folder() {
        assert_eq!(
            pieces("/skills/deploy", "Look first").unwrap().pieces[0].name,
            "deploy"
        );
        assert_eq!(pieces("", "Look first").unwrap().pieces[0].name, "skill");
    }

    #[test]
    fn a_skill_without_a_description_is_told() {
        let faults = pieces("/a", "---\nname: a\n---\nx").unwrap_err();
        assert_eq!(faults[0].what(), "this skill has no description");
    }
}
