//! The table of models a user writes: where each is reached, at what pace, and what it costs.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{
    chat::{Choice, Price, Provider},
    error::{Error, Result},
    http::Limits,
    secret::names_variable,
};

/// Settings of models, by `anthropic:MODEL`, `openai:MODEL` or `hosted:MODEL`. What it does not say stays as it is by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table(BTreeMap<String, Entry>);

/// What a table says of one model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    base_url: Option<String>,
    /// The environment variable the key stands in.
    key: Option<String>,
    max_tokens: Option<u32>,
    #[serde(default)]
    completion_tokens: bool,
    temperature: Option<f64>,
    version: Option<String>,
    requests_per_minute: Option<f64>,
    tokens_per_minute: Option<f64>,
    price: Option<Price>,
    /// Of hosted models alone.
    effort: Option<String>,
    /// Of hosted models alone.
    session_budget_usd: Option<f64>,
}

/// The word before a model of the managed-agents platform.
pub const HOSTED: &str = "hosted:";

/// A model as a table has it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Which model is asked, and how; its key is still to be found.
    pub choice: Choice,
    /// At what pace.
    pub limits: Limits,
    /// The environment variable its key stands in.
    pub key_variable: String,
    /// How hard a hosted model is to think.
    pub effort: Option<String>,
    /// Most a hosted session may cost, in cents.
    pub session_budget_cents: Option<u64>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// The text is no such table, a model in it is none, or a number is out of its range.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let entries: BTreeMap<String, Entry> = toml::from_str(text).map_err(|fault| {
            let (line, column) =
                crate::files::position(text, fault.span().map_or(0, |it| it.start));
            Error::input("this is no table of models")
                .in_file(path)
                .at(line, column)
                .because(fault.message())
                .mend(
                    "such as `[\"openai:my-model\"]` with `base_url`, `key` (the name of a variable), `max_tokens`, \
                     `requests_per_minute` and `price = { input = 0.5, output = 1.5 }`",
                )
        })?;
        for (model, entry) in &entries {
            if model.strip_prefix(HOSTED).is_none_or(str::is_empty) {
                Provider::of(model).map_err(|fault| {
                    Error::input(format!("`{model}` is no model"))
                        .in_file(path)
                        .because(fault.what())
                        .mend("each section is named such as `openai:MODEL`, `anthropic:MODEL` or `hosted:MODEL`")
                })?;
            }
            entry.check(model, path)?;
        }
        Ok(Self(entries))
    }

    /// A model with what the table says of it.
    pub fn of(&self, provider: Provider, model: &str) -> Listed {
        let name = format!("{}:{model}", provider.word());
        self.listed(&name, provider, model)
    }

    /// A hosted model with what the table says of it.
    pub fn hosted(&self, model: &str) -> Listed {
        self.listed(&format!("{HOSTED}{model}"), Provider::Anthropic, model)
    }

    /// Whether the table says anything of this word.
    pub fn lists(&self, word: &str) -> bool {
        self.0.contains_key(word)
    }

    fn listed(&self, name: &str, provider: Provider, model: &str) -> Listed {
        let mut choice = Choice::new(provider, model);
        let entry = self.0.get(name).cloned().unwrap_or_default();
        choice.base_url = entry.base_url;
        choice.temperature = entry.temperature;
        choice.max_tokens = entry.max_tokens.unwrap_or(choice.max_tokens);
        choice.completion_tokens = entry.completion_tokens;
        choice.version = entry.version.unwrap_or(choice.version);
        if let Some(price) = entry.price {
            choice.prices.set(model, price);
        }
        Listed {
            choice,
            limits: Limits {
                requests_per_minute: entry.requests_per_minute,
                tokens_per_minute: entry.tokens_per_minute,
            },
            key_variable: entry
                .key
                .unwrap_or_else(|| provider.key_variable().to_owned()),
            effort: entry.effort,
            session_budget_cents: entry
                .session_budget_usd
                .map(|it| (it * 100.0).round() as u64),
        }
    }
}

impl Entry {
    fn check(&self, model: &str, path: &Path) -> Result<()> {
        let out_of_range = |what: &str, mend: &str| {
            Err(
                Error::input(format!("{what} of `{model}` is out of its range"))
                    .in_file(path)
                    .mend(mend),
            )
        };
        // What stands there is not repeated: it may be the key itself.
        if self.key.as_deref().is_some_and(|it| !names_variable(it)) {
            return Err(Error::input(format!(
                "`key` of `{model}` is not the name of an environment variable"
            ))
            .in_file(path)
            .mend("write the name of the variable that holds the key, in capitals, such as `key = \"MY_KEY\"`"));
        }
        let prices = self.price.iter().flat_map(Price::parts);
        if prices.into_iter().any(|it| !it.is_finite() || it < 0.0) {
            return out_of_range(
                "a price",
                "prices are dollars for a million tokens; 0 is free",
            );
        }
        let paces = [self.requests_per_minute, self.tokens_per_minute];
        let is_pace = |it: f64| it.is_finite() && 0.0 < it;
        if paces.into_iter().flatten().any(|it| !is_pace(it)) {
            return out_of_range("a pace", "it is a number above 0; leave it out for none");
        }
        let is_hosted = model.starts_with(HOSTED);
        if !is_hosted && (self.effort.is_some() || self.session_budget_usd.is_some()) {
            return out_of_range(
                "`effort` or `session_budget_usd`",
                "only hosted models have them",
            );
        }
        if is_hosted && (self.max_tokens.is_some() || self.temperature.is_some()) {
            return out_of_range(
                "`max_tokens` or `temperature`",
                "a hosted model takes neither",
            );
        }
        let is_budget = |it: f64| (0.01..=1e6).contains(&it);
        if self.session_budget_usd.is_some_and(|it| !is_budget(it)) {
            return out_of_range("`session_budget_usd`", "it is at least a cent");
        }
        if self.completion_tokens && !model.starts_with(Provider::OpenAi.word()) {
            return out_of_range(
                "`completion_tokens`",
                "only OpenAI-compatible models have it",
            );
        }
        if self.max_tokens == Some(0) {
            return out_of_range("`max_tokens`", "it is at least 1");
        }
        if self
            .temperature
            .is_some_and(|it| !(0.0..=2.0).contains(&it))
        {
            return out_of_range("the temperature", "it is a number from 0 to 2");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Table> {
        Table::parse(text, Path::new("models.toml"))
    }

    #[test]
    fn what_a_table_says_goes_before_the_defaults() {
        let table = parse(
            "[\"openai:qwen3:8b\"]\nbase_url = \"http://localhost:8000/v1\"\nkey = \"LOCAL_KEY\"\nmax_tokens = 900\n\
             requests_per_minute = 60\nprice = { input = 1, output = 2 }\n",
        )
        .unwrap();
        let listed = table.of(Provider::OpenAi, "qwen3:8b");
        assert_eq!(
            listed.choice.base_url.as_deref(),
            Some("http://localhost:8000/v1")
        );
        assert_eq!(
            (listed.choice.max_tokens, listed.key_variable.as_str()),
            (900, "LOCAL_KEY")
        );
        assert_eq!(listed.limits.requests_per_minute, Some(60.0));
        assert!(listed.choice.prices.of("qwen3:8b").is_some());
        let other = table.of(Provider::OpenAi, "other");
        assert_eq!(other.key_variable, "OPENAI_API_KEY");
        assert!(other.choice.prices.of("other").is_none());
    }

    #[test]
    fn a_hosted_model_has_an_effort_and_a_budget_in_cents_and_no_temperature() {
        let table =
            parse("[\"hosted:claude-opus-5\"]\neffort = \"low\"\nsession_budget_usd = 1.5\n")
                .unwrap();
        let listed = table.hosted("claude-opus-5");
        let both = (listed.effort.as_deref(), listed.session_budget_cents);
        assert_eq!(both, (Some("low"), Some(150)));
        for text in ["temperature = 1", "session_budget_usd = 0"] {
            assert!(parse(&format!("[\"hosted:m\"]\n{text}\n")).is_err());
        }
        assert!(parse("[\"hosted:\"]\n").is_err());
    }

    #[test]
    fn a_key_itself_is_refused_and_not_repeated() {
        for key in ["sk-planted-key", "hf_plantedkey", "$MY_KEY", ""] {
            let fault = parse(&format!("[\"openai:m\"]\nkey = \"{key}\"\n")).unwrap_err();
            let told = fault.to_string();
            assert!(
                told.contains("is not the name of an environment variable"),
                "{told}"
            );
            assert!(!told.contains("planted"), "{told}");
        }
        assert!(parse("[\"openai:m\"]\nkey = \"MY_KEY_2\"\n").is_ok());
    }

    #[test]
    fn a_table_that_is_none_is_told_with_its_place_and_its_way_out() {
        let told = |text: &str| parse(text).unwrap_err().to_string();
        let fault = told("[\"openai:m\"]\nbase_url = \"u\"\nmax_token = 3\n");
        assert!(
            fault.starts_with("error: this is no table of models\n  --> models.toml:3:1\n"),
            "{fault}"
        );
        assert!(told("[\"opena:m\"]\n").contains("such as `openai:MODEL`"));
        for text in [
            "price = { input = -1, output = 2 }",
            "price = { input = 1, output = 2, long = { above = 9, input = inf, output = 2 } }",
            "requests_per_minute = 0",
            "max_tokens = 0",
            "temperature = 3",
            "effort = \"high\"",
        ] {
            let fault = told(&format!("[\"openai:m\"]\n{text}\n"));
            assert!(fault.contains("is out of its range"), "{fault}");
        }
        let fault = told("[\"anthropic:m\"]\ncompletion_tokens = true\n");
        assert!(fault.contains("only OpenAI-compatible models"), "{fault}");
    }
}
