//! A server that speaks Anthropic Messages and chat completions, and misbehaves where a test asks it to. Written from
//! the protocols' documents, not from our client.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::{Notify, oneshot},
};

/// What it does with one request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers whole: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Closes the connection without a word.
    Drop,
    /// Promises the body and sends half of it.
    Half(String),
    /// Sends the body a byte at a time, far too slowly.
    Drip(String),
    /// Sends these events and leaves the stream open.
    Open(String),
    /// Sends these events, waits to be let on, and sends those.
    Asks(String, Arc<Notify>, String),
    /// Says nothing at all.
    Hang,
}

impl Act {
    /// A JSON answer of this status.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, Vec::new(), body.to_string())
    }
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Such as `/v1/messages`.
    pub path: String,
    /// By lowercase name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

type Script = Arc<dyn Fn(&Seen, usize) -> Act + Send + Sync>;

/// A running server; it ends when it is dropped.
pub struct Server {
    /// Such as `http://127.0.0.1:40000`.
    pub address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    end: Option<oneshot::Sender<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }
}

impl Server {
    /// Starts one; `script` is given each request and its number from 0.
    pub fn start(script: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (end, ended) = oneshot::channel();
        let server = Self {
            address,
            seen: Arc::default(),
            connections: Arc::default(),
            end: Some(end),
        };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let script: Script = Arc::new(script);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let accept = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        connections.fetch_add(1, Ordering::Relaxed);
                        tokio::spawn(attend(stream, Arc::clone(&script), Arc::clone(&seen)));
                    }
                };
                tokio::select! { () = accept => {}, _ = ended => {} }
            });
        });
        server
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn attend(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Some(request) = read(&mut stream).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let is_over = match script(&request, number) {
            Act::Answer(status, headers, body) => {
                let head = head(status, &headers, body.len());
                stream
                    .write_all(&[head.as_bytes(), body.as_bytes()].concat())
                    .await
                    .is_err()
            }
            Act::Drop => true,
            Act::Half(body) => {
                let text = head(200, &[], body.len()) + &body[..body.len() / 2];
                let _ = stream.write_all(text.as_bytes()).await;
                true
            }
            Act::Drip(body) => {
                let _ = stream
                    .write_all(head(200, &[], body.len()).as_bytes())
                    .await;
                for byte in body.bytes() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    if stream.write_all(&[byte]).await.is_err() {
                        break;
                    }
                }
                true
            }
            Act::Open(events) => {
                let head = "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                let _ = stream
                    .write_all((head.to_owned() + &events).as_bytes())
                    .await;
                tokio::time::sleep(Duration::from_secs(30)).await;
                true
            }
            Act::Asks(events, goes_on, rest) => {
                let head = "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                let _ = stream
                    .write_all((head.to_owned() + &events).as_bytes())
                    .await;
                goes_on.notified().await;
                let _ = stream.write_all(rest.as_bytes()).await;
                true
            }
            Act::Hang => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                true
            }
        };
        if is_over {
            return;
        }
    }
}

fn head(status: u16, headers: &[(&str, String)], length: usize) -> String {
    let mut head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at;
        }
        more(stream, &mut bytes).await?;
    };
    let text = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |it| it.parse().unwrap());
    while bytes.len() < end + 4 + length {
        more(stream, &mut bytes).await?;
    }
    Some(Seen {
        path,
        headers,
        body: serde_json::from_slice(&bytes[end + 4..]).unwrap_or(Value::Null),
    })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 65536];
    let length = stream.read(&mut chunk).await.ok().filter(|it| 0 < *it)?;
    bytes.extend_from_slice(&chunk[..length]);
    Some(())
}

/// Tokens of each of [`clerk`]'s replies: input that no cache held, and output.
pub const INPUT: u64 = 100;
/// Output tokens of each reply.
pub const OUTPUT: u64 = 10;

/// A model that does the work of the post room: it converts and unlocks at once, opens, sends sealed, and says so;
/// what the service was too busy for it calls again. In whichever protocol it is asked.
pub fn clerk(seen: &Seen) -> Value {
    let messages = seen.body["messages"].as_array().unwrap();
    let turn = messages
        .iter()
        .filter(|it| it["role"] == "assistant")
        .count();
    let letter = on_the_desk(&seen.body);
    let done = done(messages);
    let steps = [
        vec![
            ("convert", json!({"on": letter})),
            ("unlock", json!({"on": letter})),
        ],
        vec![("open", json!({"on": letter, "viewer": "native"}))],
        vec![("send", json!({"on": letter, "cover": "sealed"}))],
    ];
    let calls: Vec<(&str, Value)> = steps
        .into_iter()
        .map(|step| {
            step.into_iter()
                .filter(|(name, _)| !done.contains(*name))
                .collect()
        })
        .find(|step: &Vec<_>| !step.is_empty())
        .unwrap_or_default();
    say(seen, turn, &calls, "The letter is sent.")
}

/// A model that makes these calls, one a turn, and ends with these words; in whichever protocol it is asked.
pub fn puppet(seen: &Seen, calls: &[(&str, Value)], words: &str) -> Value {
    let messages = seen.body["messages"].as_array().unwrap();
    let turn = messages
        .iter()
        .filter(|it| it["role"] == "assistant")
        .count();
    let next: Vec<(&str, Value)> = calls.get(turn).into_iter().cloned().collect();
    say(seen, turn, &next, words)
}

/// The texts that calls came to so far, in their order.
pub fn results(seen: &Seen) -> Vec<String> {
    let messages = seen.body["messages"].as_array().unwrap();
    let text = |it: &Value| it["content"].as_str().unwrap_or_default().to_owned();
    messages
        .iter()
        .flat_map(|message| match message["role"].as_str() {
            Some("tool") => vec![text(message)],
            _ => {
                let blocks = message["content"].as_array().into_iter().flatten();
                let blocks = blocks.filter(|it| it["type"] == "tool_result");
                blocks.map(text).collect()
            }
        })
        .collect()
}

fn say(seen: &Seen, turn: usize, calls: &[(&str, Value)], words: &str) -> Value {
    if seen.path == "/v1/messages" {
        say_anthropic(turn, calls, words)
    } else {
        say_openai(turn, calls, words)
    }
}

/// Asserts what both providers answer 400 to: a call without a result in the very next place, or anything before it.
pub fn assert_results_follow_calls(seen: &Seen) {
    let messages = seen.body["messages"].as_array().unwrap();
    for (at, message) in messages.iter().enumerate() {
        let anthropic = message["content"].as_array().into_iter().flatten();
        let asked: Vec<&Value> = anthropic
            .filter(|it| it["type"] == "tool_use")
            .chain(message["tool_calls"].as_array().into_iter().flatten())
            .map(|it| &it["id"])
            .collect();
        let answered: Vec<&Value> = if message["tool_calls"].is_array() {
            let next = messages.iter().skip(at + 1).take(asked.len());
            next.map(|it| &it["tool_call_id"]).collect()
        } else if asked.is_empty() {
            Vec::new()
        } else {
            let next = messages[at + 1]["content"].as_array().unwrap();
            next.iter().map(|it| &it["tool_use_id"]).collect()
        };
        assert_eq!(asked, answered, "{messages:?}");
    }
}

/// The tools that have answered with anything but that they are busy.
fn done(messages: &[Value]) -> BTreeSet<String> {
    let empty = Vec::new();
    let parts = |message: &Value, key: &str| message[key].as_array().unwrap_or(&empty).clone();
    let mut names = BTreeMap::new();
    let mut done = BTreeSet::new();
    for message in messages {
        for call in parts(message, "content")
            .iter()
            .chain(&parts(message, "tool_calls"))
        {
            let name = call["name"].as_str().or(call["function"]["name"].as_str());
            names.extend(name.map(|name| (call["id"].to_string(), name.to_owned())));
        }
        let results = parts(message, "content");
        for result in results.iter().chain([message]) {
            let id = result.get("tool_use_id").or(result.get("tool_call_id"));
            if let Some(id) = id.filter(|_| !result["content"].to_string().contains("service busy"))
            {
                done.insert(names[&id.to_string()].clone());
            }
        }
    }
    done
}

fn on_the_desk(body: &Value) -> String {
    let tool = &body["tools"][0];
    let schema = tool
        .get("input_schema")
        .unwrap_or(&tool["function"]["parameters"]);
    schema["properties"]["on"]["enum"][0]
        .as_str()
        .unwrap()
        .to_owned()
}

fn say_anthropic(turn: usize, calls: &[(&str, Value)], words: &str) -> Value {
    let mut content = vec![json!({"type": "thinking", "thinking": "private", "signature": "c2ln"})];
    content.extend(calls.iter().enumerate().map(|(index, (name, input))| {
        json!({"type": "tool_use", "id": format!("toolu_{turn}_{index}"), "name": name, "input": input})
    }));
    if calls.is_empty() {
        content.push(json!({"type": "text", "text": words}));
    }
    anthropic(
        &content,
        if calls.is_empty() {
            "end_turn"
        } else {
            "tool_use"
        },
    )
}

/// A reply of the Messages API.
pub fn anthropic(content: &[Value], stop: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": stop, "stop_sequence": null,
        "usage": {"input_tokens": INPUT, "output_tokens": OUTPUT,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 7},
    })
}

fn say_openai(turn: usize, calls: &[(&str, Value)], words: &str) -> Value {
    let listed: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(index, (name, input))| {
            json!({"id": format!("call_{turn}_{index}"), "type": "function",
                "function": {"name": name, "arguments": input.to_string()}})
        })
        .collect();
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    if calls.is_empty() {
        message["content"] = json!(words);
    } else {
        message["tool_calls"] = json!(listed);
    }
    let finish = if calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}],
        "usage": {"prompt_tokens": INPUT + 7, "completion_tokens": OUTPUT, "total_tokens": 117,
            "prompt_tokens_details": {"cached_tokens": 7}},
    })
}
