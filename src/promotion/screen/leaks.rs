//! Leaks: a learning that holds the answer, the name, the files or the brief of a task meant to judge it.

use crate::domain::id::TaskId;
use crate::promotion::screen::folded::Folded;
use crate::promotion::screen::{ScreenContext, Spot};

/// Prompts shorter than this, in characters, are ordinary phrases.
const SHORT_PROMPT: usize = 24;

/// Every leak, by place.
pub(super) fn spots(text: &str, context: &ScreenContext<'_>) -> Vec<Spot> {
    let folded = Folded::new(text, &[]);
    let mut spots = Vec::new();
    for (task, answer) in &context.answers {
        spots.extend(folded.spot(answer, &is_no_word_part, || {
            format!("the answer to task `{task}`")
        }));
    }
    for task in &context.task_ids {
        spots.extend(folded.spot(task.as_str(), &is_no_name_part, || {
            format!("the name of task `{task}`")
        }));
    }
    for (task, entity) in &context.entities {
        spots.extend(folded.spot(entity, &is_no_name_part, || {
            format!("a name that only task `{task}` has")
        }));
    }
    spots.extend(
        context
            .prompts
            .iter()
            .filter_map(|(task, prompt)| prompt_spot(&folded, task, prompt)),
    );
    spots.sort_by_key(|it| it.offset);
    spots
}

fn prompt_spot(folded: &Folded, task: &TaskId, prompt: &str) -> Option<Spot> {
    if prompt.trim().chars().count() < SHORT_PROMPT {
        return None;
    }
    folded.spot(prompt, &is_no_word_part, || {
        format!("the brief of task `{task}`")
    })
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
            task_ids: vec![task.clone()],
            answers: vec![
                (task.clone(), "Net  Total 4,210".into()),
                (task.clone(), "42".into()),
            ],
            entities: vec![(task.clone(), "nda-v3.wpd".into())],
            prompts: vec![(task, "Send the client a redline of both drafts.".into())],
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
