//! One exchange over the network; the only file that names the HTTP library.

use std::{
    collections::BTreeMap,
    error::Error as _,
    time::{Duration, Instant},
};

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    http::{Credential, Method, Request, Settings, secret::Secret},
};

/// Largest answer read, in bytes.
const LARGEST: usize = 64 << 20;

/// Connections to one provider.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    base: String,
    credential: Option<(HeaderName, HeaderValue)>,
    secret: Secret,
    total: Duration,
}

/// A whole answer, whatever its status.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub status: u16,
    /// By lowercase name.
    pub headers: BTreeMap<String, String>,
    /// The body, or as text where it is not JSON.
    pub body: std::result::Result<Value, String>,
    /// From sending to the last byte.
    pub seconds: f64,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Broken {
    pub how: How,
    pub told: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Nothing was sent.
    Unconnected,
    /// The connection ended before the answer did.
    Cut,
    /// The deadline of the provider passed.
    Late,
    /// The caller's own time was over.
    PastLimit,
}

impl Wire {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// The base address is no address, or the key cannot stand in a header.
    pub fn new(settings: &Settings) -> Result<Self> {
        let base = settings.base_url.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&base).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
        });
        let Some(url) = url else {
            return Err(Error::usage("the base URL is not an address of a server")
                .mend("it looks like `http://localhost:8000/v1`; a key does not belong in it"));
        };
        // The first provider of the process stays; a second call finds it there, and that is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would carry the key to an address nobody named, so none is followed.
        let mut builder = reqwest::Client::builder()
            .connect_timeout(settings.connect)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if url.scheme() == "http" {
            // A machine without certificates can still speak to a local server.
            builder = builder.tls_certs_only([]);
        }
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|_| Error::usage("the proxy is not an address"))?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|fault| {
            Error::outside("connections cannot be prepared")
                .because(innermost(&fault))
                .mend("are the system's certificates installed (`ca-certificates`)?")
        })?;
        let (credential, secret) = match &settings.credential {
            Some(Credential {
                header,
                secret,
                is_bearer,
            }) => (Some(header_of(header, secret, *is_bearer)?), secret.clone()),
            None => (None, Secret::new("")),
        };
        Ok(Self {
            client,
            base,
            credential,
            secret,
            total: settings.total,
        })
    }

    /// Sends a request once and reads the answer to its end.
    pub async fn exchange(&self, request: &Request<'_>) -> std::result::Result<Answer, Broken> {
        let left = request
            .seconds_left
            .and_then(|it| Duration::try_from_secs_f64(it).ok());
        let deadline = left.map_or(self.total, |left| left.min(self.total));
        let is_own_limit = deadline < self.total;
        let began = Instant::now();
        let broken = |fault: reqwest::Error| Broken {
            how: match fault {
                _ if fault.is_timeout() && is_own_limit && deadline <= began.elapsed() => {
                    How::PastLimit
                }
                _ if fault.is_connect() => How::Unconnected,
                _ if fault.is_timeout() => How::Late,
                _ => How::Cut,
            },
            told: self
                .secret
                .scrub(&innermost(&fault.without_url()))
                .into_owned(),
        };
        let mut response = self
            .prepared(request)
            .timeout(deadline)
            .send()
            .await
            .map_err(broken)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                let value = self.secret.scrub(value.to_str().ok()?).into_owned();
                Some((name.as_str().to_owned(), value))
            })
            .collect();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&chunk);
            if LARGEST < bytes.len() {
                return Err(Broken {
                    how: How::Cut,
                    told: format!("the answer is larger than {LARGEST} bytes"),
                });
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = self.secret.scrub(&text);
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_str(&text).map_err(|_| text.into_owned()),
            seconds: (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        })
    }

    fn prepared(&self, request: &Request<'_>) -> reqwest::RequestBuilder {
        let address = format!("{}{}", self.base, request.path);
        let mut prepared = match request.method {
            Method::Get => self.client.get(address),
            Method::Post => self.client.post(address),
            Method::Delete => self.client.delete(address),
        };
        if let Some((name, value)) = &self.credential {
            prepared = prepared.header(name, value);
        }
        for (name, value) in request.headers {
            prepared = prepared.header(*name, value.as_str());
        }
        if let Some(body) = request.body {
            prepared = prepared
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        prepared
    }
}

fn header_of(name: &str, secret: &Secret, is_bearer: bool) -> Result<(HeaderName, HeaderValue)> {
    let text = if is_bearer {
        format!("Bearer {}", secret.expose())
    } else {
        secret.expose().to_owned()
    };
    let name = HeaderName::from_bytes(name.as_bytes()).ok();
    let value = HeaderValue::from_str(&text).ok();
    let Some((name, mut value)) = name.zip(value) else {
        return Err(Error::usage("the key holds characters no key has")
            .mend("copy it again, without quotes or line feeds"));
    };
    value.set_sensitive(true);
    Ok((name, value))
}

/// What the innermost fault says; the outer ones say only that something failed.
fn innermost(fault: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = fault;
    let mut source = fault.source();
    while let Some(deeper) = source {
        inner = deeper;
        source = deeper.source();
    }
    inner.to_string()
}
