//! One question to a model whose answer must have a certain form; asked again a bounded number of times.

use crate::{
    chat::{End, Message, Model, Reply, Tally, Turn},
    draw::Key,
};

/// How often one question is put before it is given up.
pub const TRIES: u32 = 3;
/// How far the token limit is raised for replies that were cut at it: 2 to this power.
const RAISES: u32 = 3;

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the model is to be.
    pub system: &'a str,
    /// The question.
    pub text: &'a str,
    /// Where it stands, so that a recording finds its answer.
    pub address: Key,
    /// How it is put again.
    pub again: Again,
}

/// How a question is put again after an answer that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// As if for the first time, so that one answer cannot sway the next.
    Afresh,
    /// Behind the answer and what was wrong with it.
    Told,
}

impl Question<'_> {
    /// The first answer that `read` makes something of; every reply is counted in `tally`.
    ///
    /// # Errors
    /// The provider let us down, or no answer could be read; in words.
    pub async fn ask<T>(
        &self,
        model: &Model,
        tally: &mut Tally,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        let usual = model.choice().max_tokens;
        let most = usual.saturating_mul(1 << RAISES);
        let (mut max_tokens, mut tries) = (usual, 0);
        let mut messages = vec![Message::User(self.text.to_owned())];
        loop {
            let turn = Turn {
                system: self.system,
                messages: &messages,
                tools: &[],
                max_tokens,
            };
            let reply = match model.turn(&turn, self.address, None).await {
                Ok(reply) => reply,
                Err(fault) => {
                    tally.fail(&fault);
                    return Err(fault.told);
                }
            };
            tally.add(reply.spent());
            // What was cut has lost its end, so it is asked for again and no try is lost.
            if reply.end == End::MaxTokens && max_tokens < most {
                max_tokens = max_tokens.saturating_mul(2);
                continue;
            }
            let why = match told(&reply).and_then(&read) {
                Ok(found) => return Ok(found),
                Err(why) => why,
            };
            tries += 1;
            if tries == TRIES {
                return Err(format!(
                    "no answer could be used in {TRIES} tries; the last one {why}"
                ));
            }
            if self.again == Again::Told {
                messages.push(Message::Model(reply.raw));
                messages.push(Message::User(format!(
                    "Your answer cannot be used: it {why}. Answer the first message again, in full and in the form it \
                     asks for."
                )));
            }
        }
    }
}

/// The words of a reply that came to its own end.
fn told(reply: &Reply) -> Result<&str, String> {
    match reply.end {
        End::Refused => Err("was a refusal".to_owned()),
        End::MaxTokens | End::ContextFull => Err("was cut at its token limit".to_owned()),
        _ if reply.text.trim().is_empty() => Err("was empty".to_owned()),
        _ => Ok(&reply.text),
    }
}
