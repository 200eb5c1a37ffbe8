//! Streams of events (server-sent events), one event at a time; live, recorded, or played from a recording.

use serde::{Deserialize, Serialize};

use crate::{
    draw::Key,
    http::{
        Client, Failure, LAST_WAIT, Method, Repeat, Request, Response, Source,
        breaker::Sign,
        cassette::Came,
        closed,
        retry::{self, Next},
        wire::{Answer, Broken, How, Live, Wire},
    },
    secret::strike,
};

/// What came of asking for a stream.
#[derive(Debug)]
pub enum Opened {
    /// It is open.
    Stream(Box<Stream>),
    /// The server answered with an error instead.
    Refused(Response),
}

/// An open stream. It is closed by dropping it.
#[derive(Debug)]
pub struct Stream {
    path: String,
    address: Key,
    /// `None` where it is played from a recording.
    live: Option<Live>,
    lines: Lines,
}

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Its `event:`; empty where it has none.
    pub event: String,
    /// Its `data:`, several lines of it joined by line feeds.
    pub data: String,
    /// From asking for the stream to this event, in seconds to a thousandth.
    pub seconds: f64,
}

impl Client {
    /// Opens a stream, as often as it takes.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(&self, request: &Request<'_>) -> Result<Opened, Failure> {
        let (wire, tape) = match &self.source {
            Source::Live(wire) => (wire, None),
            Source::Record(wire, cassette) => (wire, Some((cassette, cassette.key(request)))),
            Source::Closed => return Err(closed()),
            Source::Replay(cassette) => {
                return match cassette.fetch(request)? {
                    Came::Opened => Ok(Opened::Stream(Stream::new(request, None).into())),
                    Came::Answer(response) => Ok(Opened::Refused(response)),
                    Came::NoAnswer(told) => Err(Failure::NoAnswer(told)),
                    Came::Lost(told, lost) => Err(Failure::Lost(told, lost)),
                    Came::PastLimit => Err(Failure::PastLimit),
                    Came::Frame(_) | Came::Ended => Err(cassette.stray(request)),
                };
            }
        };
        let opened = self.try_to_open(wire, request).await;
        if let Some((cassette, key)) = tape {
            let came = match &opened {
                Ok(Opened::Stream(_)) => Some(Came::Opened),
                Ok(Opened::Refused(response)) => Some(Came::Answer(response.clone())),
                Err(failure) => Came::failed(failure),
            };
            let kept = cassette.keep(key, request, came);
            kept.map_err(|fault| Failure::Tape(fault.to_string()))?;
        }
        opened
    }

    async fn try_to_open(&self, wire: &Wire, request: &Request<'_>) -> Result<Opened, Failure> {
        let mut tried = 0;
        let mut patience = LAST_WAIT;
        loop {
            self.admitted(request.tokens, &mut patience).await?;
            let exchange: Result<Answer, Broken> = match wire.open(request).await {
                Ok(Ok(live)) => {
                    self.breaker.note(Sign::Alive);
                    let stream = Stream::new(request, Some(live));
                    return Ok(Opened::Stream(stream.into()));
                }
                Ok(Err(answer)) => Ok(answer),
                Err(broken) => Err(broken),
            };
            if let Ok(answer) = &exchange {
                self.limiter.learn(&self.clock, answer);
            }
            match retry::next(&exchange, request.repeat, tried, request.address) {
                Next::Again(wait)
                    if tried + 1 < self.tries && self.wait_for(wait, &mut patience).await => {}
                Next::Again(_) | Next::Stand => {
                    return self.conclude(exchange, tried + 1, 0).map(Opened::Refused);
                }
            }
            tried += 1;
        }
    }

    /// The next event of a stream; `None` where the server ended it.
    ///
    /// # Errors
    /// It was cut or fell silent, or the caller's own time was over.
    pub async fn next(&self, stream: &mut Stream) -> Result<Option<Frame>, Failure> {
        let path = stream.path.clone();
        let request = next_of(&path, stream.address);
        let tape = match &self.source {
            Source::Live(_) => None,
            Source::Closed => return Err(closed()),
            Source::Record(_, cassette) => Some((cassette, cassette.key(&request))),
            Source::Replay(cassette) => {
                return match cassette.fetch(&request)? {
                    Came::Frame(frame) => Ok(Some(frame)),
                    Came::Ended => Ok(None),
                    Came::NoAnswer(told) => Err(Failure::NoAnswer(told)),
                    Came::Lost(told, lost) => Err(Failure::Lost(told, lost)),
                    Came::PastLimit => Err(Failure::PastLimit),
                    Came::Answer(_) | Came::Opened => Err(cassette.stray(&request)),
                };
            }
        };
        let next = stream.next().await;
        if let Some((cassette, key)) = tape {
            let came = match &next {
                Ok(Some(frame)) => Some(Came::Frame(frame.clone())),
                Ok(None) => Some(Came::Ended),
                Err(failure) => Came::failed(failure),
            };
            let kept = cassette.keep(key, &request, came);
            kept.map_err(|fault| Failure::Tape(fault.to_string()))?;
        }
        next
    }
}

/// What asking a stream for its next event is on a tape.
fn next_of(path: &str, address: Key) -> Request<'_> {
    Request {
        method: Method::Get,
        path,
        headers: &[],
        body: None,
        repeat: Repeat::Freely,
        address,
        seconds_left: None,
        tokens: 0,
        heard: None,
    }
}

impl Stream {
    fn new(request: &Request<'_>, live: Option<Live>) -> Self {
        Self {
            path: request.path.to_owned(),
            address: request.address,
            live,
            lines: Lines::default(),
        }
    }

    /// Seconds since it was asked for, to a thousandth; 0 where it is played from a recording.
    pub fn seconds(&self) -> f64 {
        self.live.as_ref().map_or(0.0, Live::seconds)
    }

    async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        let Some(live) = &mut self.live else {
            return Ok(None);
        };
        loop {
            if let Some((event, data)) = self.lines.next() {
                return Ok(Some(Frame {
                    event: strike(&event).into_owned(),
                    data: strike(&data).into_owned(),
                    seconds: live.seconds(),
                }));
            }
            match live.more().await {
                Ok(Some(bytes)) => self.lines.bytes.extend(bytes),
                Ok(None) => return Ok(None),
                Err(broken) => {
                    return Err(match broken.how {
                        How::PastLimit => Failure::PastLimit,
                        How::Unconnected | How::Cut => {
                            Failure::NoAnswer(format!("the stream was cut: {}", broken.told))
                        }
                        How::Late => Failure::NoAnswer(broken.told),
                    });
                }
            }
        }
    }
}

/// Bytes of a stream until they make an event.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// How many of them were looked at already.
    looked_at: usize,
}

impl Lines {
    /// Takes more bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole event that has data: what stands before an empty line. Comments and other fields are passed over.
    pub fn next(&mut self) -> Option<(String, String)> {
        loop {
            let end = self.end_of_event()?;
            let block: Vec<u8> = self.bytes.drain(..end).collect();
            self.looked_at = 0;
            let text = String::from_utf8_lossy(&block).replace("\r\n", "\n");
            let (mut event, mut data) = (String::new(), Vec::new());
            for line in text.split(['\n', '\r']) {
                let (field, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match field {
                    "event" => event = value.to_owned(),
                    "data" => data.push(value.to_owned()),
                    _ => {}
                }
            }
            if !data.is_empty() {
                return Some((event, data.join("\n")));
            }
        }
    }

    /// Bytes up to the end of the first empty line.
    fn end_of_event(&mut self) -> Option<usize> {
        let from = self.looked_at.saturating_sub(3);
        let ends: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
        let found = (from..self.bytes.len()).find_map(|at| {
            ends.iter()
                .find(|end| self.bytes[at..].starts_with(end))
                .map(|end| at + end.len())
        });
        self.looked_at = self.bytes.len();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> Vec<(String, String)> {
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for chunk in chunks {
            lines.bytes.extend(chunk.bytes());
            while let Some(event) = lines.next() {
                events.push(event);
            }
        }
        events
    }

    #[test]
    fn events_are_whole_however_their_bytes_arrive() {
        let text = "event: a\ndata: {\"x\":1}\n\n: hello\n\nevent: ping\n\r\n\r\ndata: one\r\ndata:two\r\n\r\nid: 7\rdata: é\r\r";
        let owned = |(event, data): (&str, &str)| (event.to_owned(), data.to_owned());
        let expected: Vec<_> = [("a", "{\"x\":1}"), ("", "one\ntwo"), ("", "é")]
            .map(owned)
            .into();
        assert_eq!(events(&[text]), expected);
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(events(&letters), expected);
        assert_eq!(events(&["data: torn"]), []);
    }
}
