//! What a session's own events say it consumed, for where the session itself cannot be read.

use serde_json::Value;

use crate::hosted::sessions::Spent;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// The last sum of everything.
    sum: Option<Spent>,
    /// What single requests took since.
    since: Vec<Spent>,
}

impl Meter {
    /// Takes in an event; most say nothing of this.
    pub fn take(&mut self, kind: &str, event: &Value) {
        match kind {
            "session.usage" => {
                self.sum = event.get("usage").map(Spent::of);
                self.since.clear();
            }
            "span.model_request_end" => self.since.extend(event.get("model_usage").map(Spent::of)),
            _ => {}
        }
    }

    /// What was read, and where that says nothing, what was told.
    pub fn complete(&self, read: Spent) -> Spent {
        let told = self.told();
        Spent {
            input: read.input.or(told.input),
            output: read.output.or(told.output),
            cache_read: read.cache_read.or(told.cache_read),
            cache_write: read.cache_write.or(told.cache_write),
            cost_usd: read.cost_usd.or(told.cost_usd),
        }
    }

    /// The last sum and what came after it. Requests say nothing of dollars.
    fn told(&self) -> Spent {
        let all = || self.sum.iter().chain(&self.since);
        let sum = |part: fn(&Spent) -> Option<u64>| {
            let parts = all().map(part);
            parts
                .reduce(|one, other| Some(one?.saturating_add(other?)))
                .flatten()
        };
        let dollars = self.sum.and_then(|it| it.cost_usd);
        Spent {
            input: sum(|it| it.input),
            output: sum(|it| it.output),
            cache_read: sum(|it| it.cache_read),
            cache_write: sum(|it| it.cache_write),
            cost_usd: dollars.filter(|_| self.since.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_sum_and_what_came_after_it_stand_for_what_cannot_be_read() {
        let mut meter = Meter::default();
        assert_eq!(meter.complete(Spent::default()), Spent::default());
        let request =
            json!({"model_usage": {"input_tokens": 5, "output_tokens": 2}, "is_error": false});
        meter.take("span.model_request_end", &request);
        let told = meter.complete(Spent::default());
        assert_eq!(
            (told.input, told.output, told.cost_usd),
            (Some(5), Some(2), None)
        );
        let usage = json!({"usage": {"input_tokens": 7, "output_tokens": 4,
            "list_cost": {"amount": "3", "currency": "USD"}}});
        meter.take("session.usage", &usage);
        let told = meter.complete(Spent::default());
        assert_eq!(
            (told.input, told.output, told.cost_usd),
            (Some(7), Some(4), Some(0.03))
        );
        meter.take("span.model_request_end", &request);
        let told = meter.complete(Spent::default());
        assert_eq!(
            (told.input, told.output, told.cost_usd),
            (Some(12), Some(6), None)
        );
        let read = Spent {
            input: Some(1),
            ..Spent::default()
        };
        assert_eq!(meter.complete(read).input, Some(1));
    }
}
