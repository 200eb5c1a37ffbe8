//! How notes reach a model: in its first message, all or the best few, behind the memory tool, or as files.
//!
//! The same text delivered in another way is another treatment, so the mode is a part of the agent's name. In every mode
//! an arm without notes has the same scaffold with nothing in it.

use crate::{
    agents::{Given, chat::ranking::ranked, prompt::Notes},
    domain::task::Brief,
    error::{Error, Result, did_you_mean},
};

/// How notes reach the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Every note a trial is given stands in its first message.
    #[default]
    Context,
    /// So many of them do: those whose words the task has most of.
    Retrieved(u32),
    /// They lie behind the memory tool.
    Tool,
    /// They lie as files in the workspace.
    Files,
}

/// The words that name the modes.
const MODES: [&str; 4] = ["context", "retrieved:K", "tool", "files"];
/// Notes retrieved where no number is given.
const RETRIEVED: u32 = 5;

impl Delivery {
    /// Reads `context`, `retrieved`, `retrieved:K`, `tool` or `files`.
    ///
    /// # Errors
    /// Usage: it is none of them.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None => match text {
                "context" => Ok(Delivery::Context),
                "retrieved" => Ok(Delivery::Retrieved(RETRIEVED)),
                "tool" => Ok(Delivery::Tool),
                "files" => Ok(Delivery::Files),
                other => Err(Error::usage(format!("there is no delivery `{other}`"))
                    .mend(did_you_mean(other, "deliveries", MODES))),
            },
            Some(("retrieved", number)) => match number.parse() {
                Ok(number @ 1..=1000) => Ok(Delivery::Retrieved(number)),
                _ => Err(
                    Error::usage(format!("`{number}` is no number of notes to retrieve")).mend(
                        "it is a whole number from 1 to 1000, as in `--delivery retrieved:5`",
                    ),
                ),
            },
            Some(_) => Err(Error::usage(format!("there is no delivery `{text}`"))
                .mend(did_you_mean(text, "deliveries", MODES))),
        }
    }

    /// The mode as it stands in the agent's name.
    pub(super) fn word(self) -> String {
        match self {
            Delivery::Context => "context".to_owned(),
            Delivery::Retrieved(most) => format!("retrieved:{most}"),
            Delivery::Tool => "tool".to_owned(),
            Delivery::Files => "files".to_owned(),
        }
    }

    /// Where the model is told its notes are.
    pub(super) fn notes(self) -> Notes {
        match self {
            Delivery::Context | Delivery::Retrieved(_) => Notes::InMessage,
            Delivery::Tool => Notes::BehindTool,
            Delivery::Files => Notes::AsFiles,
        }
    }

    /// Places of the notes that stand in the first message, in the order they stand there; `None` where notes do not
    /// stand there in this mode.
    pub(super) fn in_message(self, brief: &Brief, memory: &[Given<'_>]) -> Option<Vec<u16>> {
        match self {
            Delivery::Context => Some((0..).take(memory.len()).collect()),
            Delivery::Retrieved(most) => {
                let mut ranked = ranked(brief, memory);
                ranked.truncate(usize::try_from(most).unwrap_or(usize::MAX));
                Some(ranked)
            }
            Delivery::Tool | Delivery::Files => None,
        }
    }

    /// What is said of it in reports.
    pub(super) fn about(self) -> String {
        let how = match self {
            Delivery::Context => "was given every note in its first message".to_owned(),
            Delivery::Retrieved(most) => format!(
                "was given, in its first message, the {most} notes whose words its task has most of (BM25)"
            ),
            Delivery::Tool => "could look into its notes with the memory tool; what it wrote there was thrown away \
                               with the trial. A note counts as shown where a result held all of it"
                .to_owned(),
            Delivery::Files => "could open its notes as files of its workspace. A note counts as shown where a result \
                                held all of it"
                .to_owned(),
        };
        format!(
            "A language model that {how}. Which notes it followed is told by what its calls agree with."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        for (text, mode) in [
            ("context", Delivery::Context),
            ("retrieved:3", Delivery::Retrieved(3)),
            ("tool", Delivery::Tool),
            ("files", Delivery::Files),
        ] {
            assert_eq!(Delivery::parse(text).unwrap(), mode);
            assert_eq!(mode.word(), text);
        }
        assert_eq!(
            Delivery::parse("retrieved").unwrap(),
            Delivery::Retrieved(5)
        );
    }

    #[test]
    fn what_is_no_mode_is_refused_with_the_modes() {
        let told = |text: &str| Delivery::parse(text).unwrap_err().to_string();
        assert!(told("contxt").contains("did you mean `context`?"));
        assert!(told("retrieved:0").contains("from 1 to 1000"));
        assert!(told("retrieved:x").contains("`x` is no number"));
        assert!(told("files:3").contains("there is no delivery `files:3`"));
    }
}
