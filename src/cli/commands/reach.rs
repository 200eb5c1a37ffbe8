//! How models are reached: addresses, keys by the names of their variables, pace, cassettes. The one place that reads keys.

use std::{path::Path, sync::Arc};

use crate::{
    agents::{
        Agent,
        hosted::{self, Hosted},
    },
    chat::{HOSTED, Listed, Model, Provider, Table},
    cli::speech,
    domain::halt::{Halt, Why},
    dreaming::{chat::ChatDreamer, hosted::HostedDreamer},
    error::{Error, Result},
    files,
    hosted::{Connection, Platform},
    http::{Client, Credential, Settings, Transport},
    mcp,
    scoring::{Judge, VOTES},
    secret::Secret,
    study::asked::Network,
};

/// How the names of variables end that hold secrets.
const CALLED: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS"];
/// Shortest value of theirs that can be one, in bytes.
const LEAST: usize = 16;

/// The words before the name of a model.
pub const PROVIDERS: [&str; 2] = ["anthropic:", "openai:"];

/// The way to models, for one run.
#[derive(Debug)]
pub struct Reach {
    network: Network,
    table: Table,
    /// The provider `--base-url` stands for.
    provider: Option<Provider>,
    halt: Arc<Halt>,
    /// Exchanges one request may take, where not the usual number.
    tries: Option<u32>,
}

impl Reach {
    /// The way that was typed; `first` is the model `--base-url` is meant for, and all of the same provider with it.
    /// Where `halt` says that only what is on the disk is wanted, no key is asked for and nothing is sent.
    ///
    /// # Errors
    /// The table of models cannot be read.
    pub fn new(network: &Network, first: &str, halt: &Arc<Halt>) -> Result<Self> {
        let table = match &network.models {
            Some(path) => Table::parse(&files::read_text(Path::new(path))?, Path::new(path))?,
            None => Table::default(),
        };
        let provider = match first {
            first if names_hosted(first) => Some(Provider::Anthropic),
            first if names_model(first) => Some(Provider::of(first)?.0),
            _ => None,
        };
        Ok(Self {
            network: network.clone(),
            table,
            provider,
            halt: Arc::clone(halt),
            tries: None,
        })
    }

    /// The same way for one who does not wait for a provider that is busy.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self {
            tries: Some(1),
            ..self
        }
    }

    /// The model of a word such as `anthropic:claude-opus-5`.
    ///
    /// # Errors
    /// There is no such provider, its key is missing, or a setting does not suit it.
    pub fn model(&self, word: &str) -> Result<Model> {
        let (provider, model) = Provider::of(word)?;
        if let (Some(path), false) = (&self.network.models, self.table.lists(word)) {
            speech::remark(&format!(
                "note: `{path}` says nothing of `{word}`; it is asked as if there were no table"
            ));
        }
        let Listed {
            mut choice,
            limits,
            key_variable,
            ..
        } = self.table.of(provider, &model);
        if self.provider == Some(provider) && self.network.base_url.is_some() {
            choice.base_url.clone_from(&self.network.base_url);
        }
        let transport = self.transport();
        if matches!(transport, Transport::Live | Transport::Record(_)) {
            choice.key = key(&key_variable);
            choice.key_variable = Some(key_variable);
        }
        let settings = Settings {
            halt: Arc::clone(&self.halt),
            limits,
            transport,
            ..self.usual()
        };
        Model::new(choice, settings)
    }

    /// The environment variable the key of such a model would stand in, where it holds none.
    pub fn missing_key(&self, word: &str) -> Option<String> {
        let (provider, model) = Provider::of(word).ok()?;
        let variable = self.table.of(provider, &model).key_variable;
        key(&variable).is_none().then_some(variable)
    }

    /// A dreamer behind such a model.
    ///
    /// # Errors
    /// As [`Reach::model`], and the instructions are too long.
    pub fn dreamer(
        &self,
        word: &str,
        instructions: Option<String>,
        seed: u64,
    ) -> Result<ChatDreamer> {
        ChatDreamer::new(self.model(word)?, instructions, seed)
    }

    /// A judge behind such a model, by the majority of so many votes.
    ///
    /// # Errors
    /// As [`Reach::model`], and the votes can be even.
    pub fn judge(&self, word: &str, votes: Option<u32>) -> Result<Judge> {
        Judge::new(self.model(word)?, votes.unwrap_or(VOTES))
    }

    /// The managed-agents platform, as the table reaches the model of this word.
    ///
    /// # Errors
    /// Its key is missing, or the connection cannot be prepared.
    pub fn platform(&self, word: &str) -> Result<Arc<Platform>> {
        let listed = self.hosted(word)?;
        let transport = self.transport();
        let own = self.network.base_url.clone();
        let is_asked = matches!(transport, Transport::Live | Transport::Record(_));
        let connection = Connection {
            base_url: own.or(listed.choice.base_url),
            key: is_asked.then(|| key(&listed.key_variable)).flatten(),
            key_variable: listed.key_variable,
            version: listed.choice.version,
        };
        let settings = Settings {
            halt: Arc::clone(&self.halt),
            limits: listed.limits,
            transport,
            ..self.usual()
        };
        Ok(Arc::new(Platform::new(connection, settings)?))
    }

    /// An agent on the platform.
    ///
    /// # Errors
    /// No model is named.
    pub fn hosted_agent(&self, word: &str, platform: &Arc<Platform>) -> Result<Arc<dyn Agent>> {
        let listed = self.hosted(word)?;
        let choice = hosted::Choice {
            model: listed.choice.model,
            effort: listed.effort,
            budget_cents: listed.session_budget_cents,
            outcome: None,
        };
        Ok(Arc::new(Hosted::new(Arc::clone(platform), choice)))
    }

    /// A dreamer on the platform.
    ///
    /// # Errors
    /// No model is named.
    pub fn hosted_dreamer(
        &self,
        word: &str,
        platform: &Arc<Platform>,
        instructions: Option<String>,
    ) -> Result<HostedDreamer> {
        let choice = self.hosted(word)?.choice;
        HostedDreamer::new(
            Arc::clone(platform),
            choice.model,
            instructions,
            choice.prices,
        )
    }

    /// The model such a word names on the platform.
    ///
    /// # Errors
    /// No model is named.
    pub fn hosted_model(&self, word: &str) -> Result<String> {
        Ok(self.hosted(word)?.choice.model)
    }

    fn hosted(&self, word: &str) -> Result<Listed> {
        match word.strip_prefix(HOSTED).map(str::trim) {
            Some(model) if !model.is_empty() => Ok(self.table.hosted(model)),
            _ => Err(Error::usage("no model is named").mend("such as `hosted:claude-opus-5`")),
        }
    }

    fn usual(&self) -> Settings {
        let usual = Settings::new("");
        Settings {
            tries: self.tries.unwrap_or(usual.tries),
            ..usual
        }
    }

    /// The way to a tool server with this address; `variable` names the environment variable of its key.
    ///
    /// # Errors
    /// The address is none, or the connection cannot be prepared.
    pub fn server(&self, url: &str, variable: Option<&str>) -> Result<Arc<Client>> {
        let transport = self.transport();
        let is_asked = matches!(transport, Transport::Live | Transport::Record(_));
        let secret = variable.filter(|_| is_asked).map(|variable| {
            key(variable).ok_or_else(|| {
                Error::usage(format!("the tool server at `{url}` asks for a key"))
                    .mend(format!("set {variable}, or leave out `key` in the suite"))
            })
        });
        let credential = secret.transpose()?.map(|secret| Credential {
            header: "authorization".to_owned(),
            secret,
            is_bearer: true,
        });
        let settings = Settings {
            credential,
            halt: Arc::clone(&self.halt),
            transport,
            ..Settings::new(mcp::split(url).0)
        };
        Ok(Arc::new(Client::new(settings)?))
    }

    /// Where answers come from.
    pub fn transport(&self) -> Transport {
        let network = &self.network;
        match (self.halt.why(), &network.replay, &network.record) {
            (Some(Why::Reading), ..) => Transport::Closed,
            (_, Some(path), _) => Transport::Replay(path.into()),
            (_, None, Some(path)) => Transport::Record(path.into()),
            (_, None, None) => Transport::Live,
        }
    }
}

/// Whether a word names a model.
pub fn names_model(word: &str) -> bool {
    PROVIDERS.iter().any(|it| word.starts_with(it))
}

/// Whether a word names a model of the managed-agents platform.
pub fn names_hosted(word: &str) -> bool {
    word.starts_with(HOSTED)
}

#[expect(
    clippy::disallowed_methods,
    reason = "keys come from the environment, and are read here alone"
)]
fn key(variable: &str) -> Option<Secret> {
    let key = std::env::var(variable).ok()?;
    Some(Secret::of_variable(variable, &key)).filter(|it| !it.is_empty())
}

/// Has the values of all variables that are called a key, a token, a secret or a password struck out of whatever is kept:
/// a program that runs beside this one may read them, even where it was not given them.
pub fn know_keys() {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let texts = (name.into_string().ok()?, value.into_string().ok()?);
        Some(texts)
    });
    for (name, value) in variables {
        let is_called_so = CALLED
            .iter()
            .any(|it| name.to_ascii_uppercase().ends_with(it));
        // The path of a file is none.
        if is_called_so && LEAST <= value.len() && !value.starts_with('/') {
            Secret::of_variable(&name, &value);
        }
    }
}
