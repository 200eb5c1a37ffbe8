//! Leaks: a learning that holds the answer, the name, the files or the brief of a task meant to judge it.

use crate::domain::id::TaskId;
use crate::promotion::screen::folded::{Folded, Sought};
use crate::promotion::screen::{ScreenContext, Spot};

/// Prompts shorter than this, in characters, are ordinary phrases.
const SHORT_PROMPT: usize = 24;

/// What a text is of the task that must stay unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// It completes the task, by itself. Words of the world's own vocabulary (tools, attribute values) are no answers:
    /// every useful learning names them.
    Answer,
    /// The name of the task.
    Name,
    /// A name that only this task has: a file, a client, an account.
    Entity,
    /// What agents are asked in it.
    Brief,
}

/// A text of a task that judges, which no learning may hold.
#[derive(Debug, Clone)]
pub struct HeldOut {
    task: TaskId,
    of: Of,
    text: Sought,
}

impl HeldOut {
    /// A text as it is written in its task.
    pub fn of(task: &TaskId, of: Of, text: &str) -> Self {
        let is_phrase = of == Of::Brief && text.trim().chars().count() < SHORT_PROMPT;
        Self {
            task: task.clone(),
            of,
            text: Sought::new(if is_phrase { "" } else { text }),
        }
    }

    fn spot(&self, folded: &Folded) -> Option<Spot> {
        let is_end = match self.of {
            Of::Answer | Of::Brief => is_no_word_part,
            Of::Name | Of::Entity => is_no_name_part,
        };
        let offset = folded.find(&self.text, &is_end)?;
        let what = match self.of {
            Of::Answer => "the answer to",
            Of::Name => "the name of",
            Of::Entity => "a name that only",
            Of::Brief => "the brief of",
        };
        let has = if self.of == Of::Entity { " has" } else { "" };
        Some(Spot {
            offset,
            says: format!("{what} task `{}`{has}", self.task),
        })
    }
}

/// Every leak, by place.
pub(super) fn spots(text: &str, context: &ScreenContext<'_>) -> Vec<Spot> {
    let folded = Folded::new(text, &[]);
    let found = |it: &HeldOut| Some((it.spot(&folded)?, it.of));
    let mut found: Vec<(Spot, Of)> = context.held_out.iter().filter_map(found).collect();
    found.sort_by_key(|(spot, of)| (spot.offset, *of));
    found.into_iter().map(|(spot, _)| spot).collect()
}

fn is_no_word_part(it: char) -> bool {
    !it.is_alphanumeric()
}

/// Names such as `redline-017` go on behind a hyphen, an underscore or a digit.
fn is_no_name_part(it: char) -> bool {
    !it.is_alphanumeric() && !matches!(it, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Store;

    fn found(text: &str) -> Vec<(usize, String)> {
        let task = TaskId::new("redline-017");
        let store = Store::default();
        let context = ScreenContext {
            held_out: vec![
                HeldOut::of(&task, Of::Name, "redline-017"),
                HeldOut::of(&task, Of::Answer, "Net  Total 4,210"),
                HeldOut::of(&task, Of::Answer, "42"),
                HeldOut::of(&task, Of::Entity, "nda-v3.wpd"),
                HeldOut::of(
                    &task,
                    Of::Brief,
                    "Send the client a redline of both drafts.",
                ),
            ],
            ..ScreenContext::of(&store)
        };
        spots(text, &context)
            .into_iter()
            .map(|it| (it.offset, it.says))
            .collect()
    }

    #[test]
    fn an_answer_is_found_whatever_its_case_and_spacing_and_a_near_one_is_not() {
        assert_eq!(
            found("say net total\n 4,210 then"),
            [(4, "the answer to task `redline-017`".to_owned())]
        );
        assert_eq!(
            found("net total 4,2100; net total of 4,210; subnet total 4,210"),
            []
        );
    }

    #[test]
    fn a_short_answer_is_found_in_quotes_only() {
        assert_eq!(
            found("answer \"42\""),
            [(8, "the answer to task `redline-017`".to_owned())]
        );
        assert_eq!(found("take 42 steps, or \"421\""), []);
    }

    #[test]
    fn the_name_of_a_task_is_found_and_a_longer_one_is_not() {
        assert_eq!(
            found("(Redline-017)"),
            [(1, "the name of task `redline-017`".to_owned())]
        );
        assert_eq!(found("redline-0171, redline-017-b, old-redline-017"), []);
    }

    #[test]
    fn a_name_only_the_task_has_is_found_and_a_sibling_is_not() {
        assert_eq!(
            found("open `nda-v3.wpd`"),
            [(6, "a name that only task `redline-017` has".to_owned())]
        );
        assert_eq!(
            found("open nda-v3.wpdx or nda-v3.docx or my-nda-v3.wpd"),
            []
        );
    }

    #[test]
    fn a_whole_brief_is_found_and_a_part_of_it_is_not() {
        assert_eq!(
            found("send the client\na redline of both drafts."),
            [(0, "the brief of task `redline-017`".to_owned())]
        );
        assert_eq!(found("send the client a redline"), []);
    }
}
