//! One exchange over the network; the only file that names the HTTP library.

use std::{
    collections::BTreeMap,
    error::Error as _,
    time::{Duration, Instant},
};

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    error::{Error, Result},
    http::{Credential, Method, Request, Settings, stream::Lines},
    secret::{Secret, strike},
};

/// Largest answer read, in bytes.
const LARGEST: usize = 64 << 20;

/// Headers of an answer that anything here reads, beside those of rate limits.
const READ: [&str; 9] = [
    "content-type",
    "date",
    "location",
    "mcp-session-id",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
];

/// Connections to one provider.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    base: String,
    credential: Option<(HeaderName, HeaderValue)>,
    total: Duration,
    idle: Duration,
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
    /// Whether an answer with the status of a success had begun.
    pub had_begun: bool,
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

impl Broken {
    fn plain(how: How, told: &str) -> Self {
        Self {
            how,
            told: told.to_owned(),
            had_begun: false,
        }
    }
}

/// A stream that is open: bytes as they come.
#[derive(Debug)]
pub(super) struct Live {
    response: reqwest::Response,
    status: u16,
    headers: BTreeMap<String, String>,
    began: Instant,
    /// The caller's own limit, from the opening.
    ends: Option<Duration>,
    /// Longest silence.
    idle: Duration,
    taken: usize,
}

impl Live {
    /// The next bytes; `None` where the server ended the stream.
    pub async fn more(&mut self) -> std::result::Result<Option<Vec<u8>>, Broken> {
        let left = self
            .ends
            .map(|ends| ends.saturating_sub(self.began.elapsed()));
        let wait = left.map_or(self.idle, |left| left.min(self.idle));
        let chunk = match tokio::time::timeout(wait, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|fault| broken_by(fault, false))?,
            Err(_) if left.is_some_and(|left| left <= self.idle) => {
                return Err(Broken::plain(How::PastLimit, ""));
            }
            Err(_) => return Err(Broken::plain(How::Late, "the stream fell silent")),
        };
        self.taken += chunk.as_ref().map_or(0, |it| it.len());
        if LARGEST < self.taken {
            let told = format!("the stream is longer than {LARGEST} bytes");
            return Err(Broken::plain(How::Cut, &told));
        }
        Ok(chunk.map(|it| it.to_vec()))
    }

    /// Seconds since it was asked for.
    pub fn seconds(&self) -> f64 {
        to_thousandths(self.began.elapsed())
    }

    /// The rest, as an answer that is no stream.
    async fn whole(mut self, total: Duration) -> std::result::Result<Answer, Broken> {
        self.idle = self.idle.min(total);
        let mut bytes = Vec::new();
        while let Some(more) = self.more().await? {
            bytes.extend(more);
        }
        let text = strike(&String::from_utf8_lossy(&bytes)).into_owned();
        Ok(Answer {
            status: self.status,
            seconds: self.seconds(),
            headers: self.headers,
            body: serde_json::from_str(&text).map_err(|_| text),
        })
    }
}

fn broken_by(fault: reqwest::Error, is_past_limit: bool) -> Broken {
    Broken {
        how: match fault {
            _ if fault.is_timeout() && is_past_limit => How::PastLimit,
            _ if fault.is_connect() => How::Unconnected,
            _ if fault.is_timeout() => How::Late,
            _ => How::Cut,
        },
        told: strike(&innermost(&fault.without_url())).into_owned(),
        had_begun: false,
    }
}

fn to_thousandths(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

impl Wire {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// The base address is no address, or the key cannot stand in a header.
    pub fn new(settings: &Settings) -> Result<Self> {
        let base = settings.base_url.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&base).ok().filter(is_bare);
        let Some(url) = url else {
            return Err(Error::usage("the base URL is not an address of a server").mend(
                "it looks like `http://localhost:8000/v1`, without a user, a `?` or a `#`; a key does not belong in it",
            ));
        };
        // The first provider of the process stays; a second call finds it there, and that is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would carry the key to an address nobody named, so none is followed.
        let mut builder = reqwest::Client::builder()
            .connect_timeout(settings.connect)
            .redirect(reqwest::redirect::Policy::none())
            // What is asked again is decided here, and counted.
            .retry(reqwest::retry::never())
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
        let credential = match &settings.credential {
            Some(Credential {
                header,
                secret,
                is_bearer,
            }) => Some(header_of(header, secret, *is_bearer)?),
            None => None,
        };
        Ok(Self {
            client,
            base,
            credential,
            total: settings.total,
            idle: settings.idle,
        })
    }

    /// Sends a request once and reads the answer to its end.
    pub async fn exchange(&self, request: &Request<'_>) -> std::result::Result<Answer, Broken> {
        let (deadline, is_own_limit) = self.deadline(request);
        let began = Instant::now();
        let broken = |fault: reqwest::Error| {
            let is_past_limit = is_own_limit && deadline <= began.elapsed();
            broken_by(fault, is_past_limit)
        };
        let mut response = self
            .prepared(request)
            .timeout(deadline)
            .send()
            .await
            .map_err(broken)?;
        let status = response.status().as_u16();
        let headers = headers_of(&response);
        let is_stream = headers
            .get("content-type")
            .is_some_and(|it| it.starts_with("text/event-stream"));
        let mut lines = Lines::default();
        let mut bytes = Vec::new();
        let mut answer = None;
        let cut = |fault: reqwest::Error| Broken {
            had_begun: status < 300,
            ..broken(fault)
        };
        while let Some(chunk) = response.chunk().await.map_err(cut)? {
            bytes.extend_from_slice(&chunk);
            if LARGEST < bytes.len() {
                return Err(Broken {
                    how: How::Cut,
                    told: format!("the answer is larger than {LARGEST} bytes"),
                    had_begun: status < 300,
                });
            }
            if is_stream {
                lines.add(&chunk);
                answer = answer_among(&mut lines, request.heard);
                // The server may keep the stream open for what nobody waits for.
                if answer.is_some() {
                    break;
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = strike(&text);
        let body = match answer.or_else(|| elsewhere(status, &headers)) {
            Some(answer) => Ok(answer),
            // Accepted, and nothing to say.
            None if bytes.is_empty() && matches!(status, 202 | 204) => Ok(Value::Null),
            // Some servers begin with the mark of a byte order.
            None => serde_json::from_str(text.trim_start_matches('\u{feff}'))
                .map_err(|_| text.into_owned()),
        };
        Ok(Answer {
            status,
            headers,
            body,
            seconds: to_thousandths(began.elapsed()),
        })
    }

    /// Opens a stream of events. Every answer but a success is read whole instead.
    pub async fn open(
        &self,
        request: &Request<'_>,
    ) -> std::result::Result<std::result::Result<Live, Answer>, Broken> {
        let began = Instant::now();
        let (deadline, is_own_limit) = self.deadline(request);
        let sent = self
            .prepared(request)
            .header("accept", "text/event-stream")
            .send();
        let response = match tokio::time::timeout(deadline, sent).await {
            Ok(response) => response.map_err(|fault| broken_by(fault, false))?,
            Err(_) if is_own_limit => return Err(Broken::plain(How::PastLimit, "")),
            Err(_) => {
                return Err(Broken::plain(
                    How::Late,
                    "the stream was not opened in time",
                ));
            }
        };
        let live = Live {
            headers: headers_of(&response),
            status: response.status().as_u16(),
            response,
            began,
            ends: request
                .seconds_left
                .and_then(|it| Duration::try_from_secs_f64(it).ok()),
            idle: self.idle,
            taken: 0,
        };
        match live.status {
            200..=299 => Ok(Ok(live)),
            _ => live.whole(self.total).await.map(Err),
        }
    }

    /// How long one exchange may take, and whether that is the caller's own limit.
    fn deadline(&self, request: &Request<'_>) -> (Duration, bool) {
        let left = request
            .seconds_left
            .and_then(|it| Duration::try_from_secs_f64(it).ok());
        let deadline = left.map_or(self.total, |left| left.min(self.total));
        (deadline, left.is_some_and(|left| left <= self.total))
    }

    /// Longest time for one exchange, in seconds.
    pub fn longest(&self) -> f64 {
        self.total.as_secs_f64()
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
        // Nothing here unpacks an answer.
        prepared = prepared.header("accept-encoding", "identity");
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

/// What an answer that leads elsewhere is taken to say; its query may hold what is nobody's business.
fn elsewhere(status: u16, headers: &BTreeMap<String, String>) -> Option<Value> {
    let place = headers.get("location")?.split('?').next()?;
    (300..400).contains(&status).then(|| {
        Value::String(format!(
            "it leads to `{place}`, and no redirect is followed, since it would carry the key there: name that address \
             itself"
        ))
    })
}

/// The answer among the events of a stream that came instead of it: the one with a result or an error.
fn answer_among(lines: &mut Lines, heard: Option<&UnboundedSender<Value>>) -> Option<Value> {
    while let Some((_, data)) = lines.next() {
        let Ok(value) = serde_json::from_str::<Value>(&strike(&data)) else {
            continue;
        };
        if value.get("result").is_some() || value.get("error").is_some() {
            return Some(value);
        }
        if let Some(heard) = heard {
            // Nobody listens any more where the caller has given up.
            let _ = heard.send(value);
        }
    }
    None
}

fn headers_of(response: &reqwest::Response) -> BTreeMap<String, String> {
    let told = response.headers().iter();
    let is_read = |name: &str| READ.contains(&name) || name.contains("ratelimit-");
    let told = told.filter(|(name, _)| is_read(name.as_str()));
    told.filter_map(|(name, value)| {
        let value = strike(value.to_str().ok()?).into_owned();
        Some((name.as_str().to_owned(), value))
    })
    .collect()
}

/// Whether an address of a server holds nothing that could be a key.
fn is_bare(url: &reqwest::Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
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
