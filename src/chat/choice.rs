//! Which model is asked, whose protocol it speaks, and where.

use crate::{
    chat::Prices,
    error::{Error, Result, did_you_mean},
    secret::Secret,
};

/// Whose protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Anthropic Messages.
    Anthropic,
    /// Chat completions, as OpenAI and many other servers speak them.
    OpenAi,
}

impl Provider {
    /// Reads `anthropic:MODEL` or `openai:MODEL`.
    ///
    /// # Errors
    /// It is neither.
    pub fn of(agent: &str) -> Result<(Self, String)> {
        let (provider, model) = agent.split_once(':').unwrap_or((agent, ""));
        let provider = match provider {
            "anthropic" => Provider::Anthropic,
            "openai" => Provider::OpenAi,
            other => {
                return Err(Error::usage(format!("there is no provider `{other}`"))
                    .mend(did_you_mean(other, "providers", ["anthropic", "openai"])));
            }
        };
        if model.trim().is_empty() {
            return Err(Error::usage("no model is named")
                .mend(format!("such as `{}:MODEL`", provider.word())));
        }
        Ok((provider, model.trim().to_owned()))
    }

    /// The word before the model's name.
    pub fn word(self) -> &'static str {
        match self {
            Provider::Anthropic => "anthropic",
            Provider::OpenAi => "openai",
        }
    }

    /// The environment variable its key stands in by custom.
    pub fn key_variable(self) -> &'static str {
        match self {
            Provider::Anthropic => "ANTHROPIC_API_KEY",
            Provider::OpenAi => "OPENAI_API_KEY",
        }
    }

    /// The provider's own address.
    pub fn address(self) -> &'static str {
        match self {
            Provider::Anthropic => "https://api.anthropic.com",
            Provider::OpenAi => "https://api.openai.com/v1",
        }
    }
}

/// Which model is asked, and how.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The protocol.
    pub provider: Provider,
    /// The model, as the provider names it.
    pub model: String,
    /// Another server that speaks the protocol.
    pub base_url: Option<String>,
    /// The key; a server of one's own may ask for none.
    pub key: Option<Secret>,
    /// The environment variable to name where a key is missing; the provider's own where `None`.
    pub key_variable: Option<String>,
    /// Most tokens of one reply.
    pub max_tokens: u32,
    /// Whether that bound goes as `max_completion_tokens` to a server of one's own, as to OpenAI's.
    pub completion_tokens: bool,
    /// From 0; not sent where `None`, since current models refuse it.
    pub temperature: Option<f64>,
    /// The `anthropic-version`.
    pub version: String,
    /// What tokens cost.
    pub prices: Prices,
}

/// The version every gateway knows.
pub(super) const VERSION: &str = "2023-06-01";
/// The version from which a key goes as a bearer token and sampling is not to be chosen.
pub(super) const NEW_VERSION: &str = "2026-10-21";

impl Choice {
    /// A model with the defaults of its provider.
    pub fn new(provider: Provider, model: impl Into<String>) -> Self {
        Self {
            provider,
            model: model.into(),
            base_url: None,
            key: None,
            key_variable: None,
            max_tokens: 4096,
            completion_tokens: false,
            temperature: None,
            version: VERSION.to_owned(),
            prices: Prices::known(),
        }
    }
}

impl Choice {
    /// The model in this part, with every setting that is not the usual one: stable, since fingerprints rest on it.
    pub fn named(&self, part: &str) -> String {
        let mut name = format!("{}:{} {part}", self.provider.word(), self.model);
        let usual = Self::new(self.provider, "");
        if self.max_tokens != usual.max_tokens {
            name.push_str(&format!(" max_tokens={}", self.max_tokens));
        }
        if self.completion_tokens {
            name.push_str(" completion_tokens");
        }
        if let Some(temperature) = self.temperature {
            name.push_str(&format!(" temperature={temperature}"));
        }
        if self.version != usual.version {
            name.push_str(&format!(" version={}", self.version));
        }
        if let Some(url) = &self.base_url {
            name.push_str(&format!(" at {url}"));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_named_by_provider_and_model() {
        let (provider, model) = Provider::of("openai:qwen3:8b").unwrap();
        assert_eq!((provider, model.as_str()), (Provider::OpenAi, "qwen3:8b"));
        let fault = Provider::of("antropic:x").unwrap_err().to_string();
        assert!(fault.contains("did you mean `anthropic`?"), "{fault}");
        assert!(Provider::of("openai:").is_err());
    }
}
