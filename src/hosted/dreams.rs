//! Dreams: asked for once, watched to their end, and their store read only when they are complete.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    domain::{id::Digest, memory::Store},
    draw::Key,
    hosted::{
        Begun, Call, Outcome, Platform, Sought, Trouble, id_at, id_of, lock, own_address,
        sessions::Spent, stores::INPUT, text_at, tidy::Lying,
    },
};

/// Most sessions one dream reads.
pub const MOST_SESSIONS: usize = 100;
/// Most characters of instructions.
pub const MOST_INSTRUCTIONS: usize = 4096;
/// The first wait between two looks at a dream, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Between two looks at whether the run was stopped.
const MOMENT: Duration = Duration::from_millis(250);
/// How long nothing is said of a dream whose status stays.
const SILENCE: Duration = Duration::from_secs(600);
/// Looks in a row without an answer after which a dream is left to whoever resumes the run, and the longest wait between
/// them.
const MOST_IN_VAIN: u32 = 8;
const WAIT_IN_VAIN: Duration = Duration::from_secs(10);
/// How long a dream may take: 6 hours, in seconds.
const DEADLINE: u64 = 6 * 3600;
/// Where dreams are looked for.
const DREAMS: &str = "/v1/dreams?limit=100";
/// How often a canceled dream is looked at until it has stopped.
const LOOKS: u32 = 20;

/// A dream to be dreamt.
#[derive(Debug, Clone)]
pub struct DreamPlan<'a> {
    /// The model.
    pub model: &'a str,
    /// What to look for and how to order it.
    pub instructions: &'a str,
    /// Ids of the sessions it reads.
    pub sessions: &'a [String],
    /// The store it starts from.
    pub store: &'a Store,
}

/// A dream that is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Dreamt {
    /// Its id.
    pub id: String,
    /// The store it wrote.
    pub store: Store,
    /// Its input store before it began, as the platform has it.
    pub input_before: Store,
    /// Its input store after it ended.
    pub input_after: Store,
    /// What it consumed; prices are not known here.
    pub spent: Spent,
    /// Seconds between its looks.
    pub seconds: f64,
}

/// A dream that came to nothing.
#[derive(Debug)]
pub struct InVain {
    /// Why.
    pub trouble: Trouble,
    /// What it took all the same, and the seconds waited for it, where it came to an end.
    pub spent: Option<(Spent, f64)>,
}

impl From<Trouble> for InVain {
    fn from(trouble: Trouble) -> Self {
        Self {
            trouble,
            spent: None,
        }
    }
}

/// What a dream is about to be, as its status says.
enum Phase {
    Completed,
    Failed,
    Canceled,
    UnderWay,
}

impl DreamPlan<'_> {
    /// Digest over what is dreamt over, and how.
    fn digest(&self) -> Digest {
        let store = self.store.digest().to_string();
        let words = [self.model, self.instructions, &store];
        let sessions = self.sessions.iter().map(String::as_str);
        Digest::of_parts(words.into_iter().chain(sessions).map(str::as_bytes))
    }
}

impl Platform {
    /// Whether this key may use dreams, as far as a look tells; nothing is made.
    ///
    /// # Errors
    /// It may not.
    pub async fn may_dream(&self) -> Outcome<()> {
        let call = Call::get("/v1/dreams?limit=1", own_address("may dream"));
        match self.ask(&call).await {
            // What comes too early, or not at all, says nothing of the dream.
            Err(Trouble::Refused(status, told)) if !matches!(status, 409 | 429) => {
                Err(Trouble::Refused(status, told))
            }
            _ => Ok(()),
        }
    }

    /// Whether a dream is remembered that was begun and not read to its end.
    pub fn has_begun_dream(&self) -> bool {
        lock(&self.begun).is_some()
    }

    /// Dreams once. The input store is a copy made for this dream; nothing else on the platform uses it. A dream that
    /// was begun for the same and not read to its end is watched again, and none is asked for.
    ///
    /// # Errors
    /// It could not be asked for, failed, or the run was stopped meanwhile.
    pub async fn dream(&self, plan: &DreamPlan<'_>) -> Result<Dreamt, InVain> {
        let (input, made) = match self.begun_before(plan).await? {
            Some(begun) => {
                self.say("watching the dream that was begun before");
                begun
            }
            None => self.begin_dream(plan).await?,
        };
        let address = address_of(&input);
        let id = id_of(&made)?;
        lock(&self.made).dreams.insert(id.clone());
        let (dream, seconds) = self.watch(&id, made, address).await?;
        let spent = spent_in(&dream);
        // It is over, and nobody can use it: whoever goes on dreams anew.
        let in_vain = |trouble: Trouble| match self.remember(None) {
            Ok(()) => InVain {
                trouble,
                spent: Some((spent, seconds)),
            },
            Err(other) => other.into(),
        };
        let output = self.output(&id, &input, &dream).map_err(in_vain)?;
        let dreamt = Dreamt {
            store: match self.export(&output, address).await {
                Err(trouble @ Trouble::Unusable(_)) => return Err(in_vain(trouble)),
                other => other?,
            },
            input_after: self.export(&input, address).await?,
            // It was held against the plan when it was put, before the dream was asked for.
            input_before: plan.store.clone(),
            spent,
            id,
            seconds,
        };
        if dreamt.input_after.digest() != dreamt.input_before.digest() {
            self.remember(None)?;
        }
        Ok(dreamt)
    }

    /// The store a dream that has ended wrote, if it may be read.
    fn output(&self, id: &str, input: &str, dream: &Value) -> Outcome<String> {
        let output = output_of(dream).filter(|it| it != input);
        if let Some(output) = &output {
            let mut made = lock(&self.made);
            made.stores.entry(output.clone()).or_insert(Lying::OUTPUT);
        }
        match (phase_of(dream), output) {
            (Phase::Completed, Some(output)) => Ok(output),
            (Phase::Completed, None) => Err(Trouble::Unusable(format!(
                "completed dream {id} without a new store"
            ))),
            (Phase::Failed, _) => Err(Trouble::Unusable(failed(id, dream))),
            (Phase::Canceled | Phase::UnderWay, _) => Err(Trouble::Over(format!(
                "dream {id} was canceled; what it had written by then is not used"
            ))),
        }
    }

    /// Puts the input of a dream and asks for the dream.
    async fn begin_dream(&self, plan: &DreamPlan<'_>) -> Outcome<(String, Value)> {
        let input = self.put_store(plan.store, INPUT).await?.id;
        let address = address_of(&input);
        let before = self.export(&input, address).await?;
        if before.digest() != plan.store.digest() {
            return Err(Trouble::Unusable(
                "put the input of a dream wrongly".to_owned(),
            ));
        }
        if self.is_stopped() {
            return Err(Trouble::Over(
                "stopped before the dream was asked for".to_owned(),
            ));
        }
        let mut begun = Begun {
            over: plan.digest(),
            input: input.clone(),
            id: None,
        };
        self.remember(Some(begun.clone()))?;
        match self.ask_for_dream(plan, &input, address).await {
            Ok(made) => {
                begun.id = id_at(&made, "/id");
                self.remember(Some(begun))?;
                Ok((input, made))
            }
            // Nobody knows whether it is there.
            Err(Trouble::Lost(told)) => Err(Trouble::Lost(told)),
            Err(other) => {
                self.remember(None)?;
                Err(other)
            }
        }
    }

    /// The input and the present state of a dream that was begun for the same before.
    async fn begun_before(&self, plan: &DreamPlan<'_>) -> Outcome<Option<(String, Value)>> {
        let begun = lock(&self.begun).clone();
        let Some(begun) = begun.filter(|it| it.over == plan.digest()) else {
            return Ok(None);
        };
        let address = address_of(&begun.input);
        let found = match &begun.id {
            Some(id) => match self.look(id, address).await {
                Err(Trouble::Refused(404, _)) => None,
                other => Some(other?),
            },
            None => {
                let is_it = |item: &Value| is_over(item, &begun.input, plan.sessions);
                let sought = Sought {
                    listing: DREAMS,
                    is_it: &is_it,
                };
                self.find(&sought, address).await?
            }
        };
        match found {
            Some(dream) => Ok(Some((begun.input, dream))),
            None => {
                self.remember(None)?;
                Ok(None)
            }
        }
    }

    async fn ask_for_dream(
        &self,
        plan: &DreamPlan<'_>,
        input: &str,
        address: Key,
    ) -> Outcome<Value> {
        let mut body = json!({
            "inputs": [
                {"type": "memory_store", "memory_store_id": input},
                {"type": "sessions", "session_ids": plan.sessions},
            ],
            "model": plan.model,
            "output_behavior": {"type": "create_new"},
        });
        if !plan.instructions.is_empty() {
            body["instructions"] = json!(plan.instructions);
        }
        // Dreams carry no metadata; but nobody else dreams over this store.
        let sought = Sought {
            listing: DREAMS,
            is_it: &|item| is_over(item, input, plan.sessions),
        };
        self.create("/v1/dreams", &body, address, &sought).await
    }

    /// Looks at a dream until it has ended, and returns it and the seconds waited.
    async fn watch(&self, id: &str, mut dream: Value, address: Key) -> Outcome<(Value, f64)> {
        let mut waited = Duration::ZERO;
        let mut wait = FIRST_WAIT;
        let (mut status, mut said, mut in_vain) = (String::new(), Duration::ZERO, 0);
        loop {
            let is = text_at(&dream, "/status").unwrap_or_default();
            if is != status || SILENCE <= waited - said {
                let minutes = waited.as_secs() / 60;
                self.say(&format!("dream {id} is {is} after {minutes} min"));
                (status, said) = (is, waited);
            }
            if !matches!(phase_of(&dream), Phase::UnderWay) {
                return Ok((dream, waited.as_secs_f64()));
            }
            if DEADLINE <= waited.as_secs() || self.rest(wait).await {
                return Ok((self.cancel(id, address).await?, waited.as_secs_f64()));
            }
            waited += wait;
            wait = wait.mul_f64(1.5).min(LONGEST_WAIT);
            let looked = tokio::select! {
                looked = self.look(id, address) => looked,
                () = self.stopped() => continue,
            };
            match looked {
                Err(Trouble::Lost(told)) => {
                    in_vain += 1;
                    if in_vain == MOST_IN_VAIN {
                        return Err(Trouble::Lost(format!(
                            "{told}, as at {in_vain} looks at dream {id}, which may go on"
                        )));
                    }
                    self.say(&format!(
                        "no answer about dream {id}, looking again: {told}"
                    ));
                    wait = wait.min(WAIT_IN_VAIN);
                }
                other => (dream, in_vain) = (other?, 0),
            }
        }
    }

    /// Waits; tells whether the run was stopped meanwhile.
    async fn rest(&self, wait: Duration) -> bool {
        let mut left = wait;
        while !self.is_stopped() && !left.is_zero() {
            let slice = left.min(MOMENT);
            self.client.wait(slice).await;
            left -= slice;
        }
        self.is_stopped()
    }

    /// Returns once the run is stopped.
    async fn stopped(&self) {
        while !self.is_stopped() {
            tokio::time::sleep(MOMENT).await;
        }
    }

    async fn look(&self, id: &str, address: Key) -> Outcome<Value> {
        let path = format!("/v1/dreams/{id}");
        let dream = self.ask_soon(&Call::get(&path, address)).await?;
        if let Some(output) = output_of(&dream) {
            let mut made = lock(&self.made);
            made.stores.entry(output).or_insert(Lying::OUTPUT);
        }
        Ok(dream)
    }

    /// Sees to it that a dream writes nothing more.
    pub(super) async fn end_dream(&self, id: &str, address: Key) -> Outcome<()> {
        match self.look(id, address).await {
            Err(Trouble::Refused(404, _)) => Ok(()),
            Ok(dream) if matches!(phase_of(&dream), Phase::UnderWay) => {
                self.cancel(id, address).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Cancels a dream and waits until it has stopped; one that had ended already stays as it is.
    async fn cancel(&self, id: &str, address: Key) -> Outcome<Value> {
        let path = format!("/v1/dreams/{id}/cancel");
        match self.ask_soon(&Call::post(&path, &json!({}), address)).await {
            Ok(_) | Err(Trouble::Refused(400 | 404 | 409, _)) => {}
            Err(other) => return Err(other),
        }
        for _ in 0..LOOKS {
            let dream = self.look(id, address).await?;
            if !matches!(phase_of(&dream), Phase::UnderWay) {
                return Ok(dream);
            }
            self.client.wait(Duration::from_secs(1)).await;
        }
        Err(Trouble::Unusable(format!("does not end dream {id}")))
    }
}

/// What a dream consumed, as it says itself.
fn spent_in(dream: &Value) -> Spent {
    Spent::of(dream.get("usage").unwrap_or(&Value::Null))
}

/// The address of a dream's requests.
fn address_of(input: &str) -> Key {
    own_address("dream").word(input)
}

/// An unknown status is one on the way: only three are final.
fn phase_of(dream: &Value) -> Phase {
    match text_at(dream, "/status").as_deref() {
        Some("completed") => Phase::Completed,
        Some("failed") => Phase::Failed,
        Some("canceled") => Phase::Canceled,
        _ => Phase::UnderWay,
    }
}

/// The store a dream writes to, complete or not.
pub(super) fn output_of(dream: &Value) -> Option<String> {
    let outputs = dream.get("outputs")?.as_array()?;
    let stores = outputs.iter();
    stores
        .filter(|it| text_at(it, "/type").as_deref() == Some("memory_store"))
        .find_map(|it| id_at(it, "/memory_store_id"))
}

/// The store a dream reads.
pub(super) fn input_of(dream: &Value) -> Option<String> {
    let inputs = dream.get("inputs")?.as_array()?;
    inputs.iter().find_map(|it| text_at(it, "/memory_store_id"))
}

/// Whether a dream is one over this store and these sessions, in whatever order they come back.
fn is_over(dream: &Value, store: &str, sessions: &[String]) -> bool {
    let inputs = dream.get("inputs").and_then(Value::as_array);
    let listed = inputs
        .into_iter()
        .flatten()
        .filter_map(|it| it.get("session_ids")?.as_array())
        .flatten();
    let listed: BTreeSet<&str> = listed.filter_map(Value::as_str).collect();
    let asked: BTreeSet<&str> = sessions.iter().map(String::as_str).collect();
    input_of(dream).as_deref() == Some(store) && listed == asked
}

fn failed(id: &str, dream: &Value) -> String {
    let kind = text_at(dream, "/error/type").unwrap_or_else(|| "no reason".to_owned());
    let told = text_at(dream, "/error/message").unwrap_or_default();
    let told: String = told.chars().take(300).collect();
    let mend = match kind.as_str() {
        "input_session_unavailable" => "; a session it was to read is gone",
        "input_memory_store_too_large" => "; its input store is too large",
        "memory_store_org_limit_exceeded" => "; the organisation has too many stores",
        _ => "",
    };
    format!("failed dream {id} ({kind}{mend}): {told}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_11_a_dream_is_known_by_its_sessions_in_any_order() {
        let dream = json!({"inputs": [
            {"type": "memory_store", "memory_store_id": "m"},
            {"type": "sessions", "session_ids": ["a", "b"]},
        ]});
        let over = |store: &str, sessions: &[&str]| {
            let sessions: Vec<String> = sessions.iter().map(|it| (*it).to_owned()).collect();
            is_over(&dream, store, &sessions)
        };
        assert!(over("m", &["b", "a"]));
        assert!(!over("m", &["a"]) && !over("n", &["a", "b"]));
    }

    #[test]
    fn trap_12_canceled_has_one_l_and_an_unknown_status_is_no_end() {
        let is_over =
            |status: &str| !matches!(phase_of(&json!({"status": status})), Phase::UnderWay);
        for status in ["completed", "failed", "canceled"] {
            assert!(is_over(status), "{status}");
        }
        for status in ["pending", "running", "cancelled", "pondering"] {
            assert!(!is_over(status), "{status}");
        }
    }

    #[test]
    fn trap_10_a_dream_may_have_no_output_yet() {
        assert_eq!(output_of(&json!({"outputs": []})), None);
        assert_eq!(output_of(&json!({"outputs": null})), None);
        let outputs = json!({"outputs": [{"type": "wisdom"}, {"type": "memory_store", "memory_store_id": "m"}]});
        assert_eq!(output_of(&outputs).as_deref(), Some("m"));
    }
}
