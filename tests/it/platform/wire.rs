//! Requests off the wire, answers onto it, and the faults between.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Shared,
    answer::{Answered, Refusal, Reply},
    faults::{Fault, befalling},
    fields::{Request, decode},
    gate,
    state::Logged,
    stream,
};

/// Attends to a connection until either side closes it.
pub(super) async fn attend(mut stream: TcpStream, shared: Arc<Shared>) {
    // Answers go out in two writes, which would else wait for each other.
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    while let Some(request) = read(&mut stream, &mut bytes).await {
        if answer(&mut stream, &shared, &request).await.is_none() {
            return;
        }
    }
}

/// A whole answer.
struct Whole {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Whole {
    fn refusal(refusal: &Refusal, number: usize) -> Self {
        let id = format!("req_01STUB{number:06}");
        Self {
            status: refusal.status,
            headers: Vec::new(),
            body: refusal.body(&id).to_string().into_bytes(),
        }
    }
}

/// Answers a request; `None` ends the connection.
async fn answer(to: &mut TcpStream, shared: &Arc<Shared>, request: &Request) -> Option<()> {
    let (number, faults) = arrived(shared, request);
    let note = |status: u16, was_handled: bool| {
        let log = &mut shared.lock().log;
        log[number].status = status;
        log[number].was_handled = was_handled;
    };
    let mut instead = None;
    for fault in &faults {
        match fault {
            Fault::DropBefore => return None,
            Fault::Hang => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return None;
            }
            Fault::Answer(status, headers, body) => {
                instead = Some(Whole {
                    status: *status,
                    headers: headers.clone(),
                    body: body.clone().into_bytes(),
                });
            }
            Fault::Refuse(status, kind, code, after) => {
                let mut refusal = Refusal::new(*status, kind, "as the test asked");
                refusal.code.clone_from(code);
                let mut whole = Whole::refusal(&refusal, number);
                let after = after
                    .iter()
                    .map(|it| ("retry-after".to_owned(), it.clone()));
                whole.headers.extend(after);
                instead = Some(whole);
            }
            _ => {}
        }
    }
    if let Some(whole) = instead {
        note(whole.status, false);
        return send(to, whole, number, &[]).await;
    }
    let answered = gate::handle(shared, request);
    if faults.iter().any(|it| matches!(it, Fault::DropAfter)) {
        note(0, true);
        return None;
    }
    note(answered.as_ref().map_or_else(|it| it.status, |_| 200), true);
    give(to, shared, answered, (number, &faults)).await
}

async fn give(
    to: &mut TcpStream,
    shared: &Arc<Shared>,
    answered: Answered,
    (number, faults): (usize, &[Fault]),
) -> Option<()> {
    let mut whole = Whole {
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
    };
    match answered {
        Ok(Reply::Stream(session, from)) => {
            let _ = stream::run(to, shared, (&session, from), faults).await;
            return None;
        }
        Ok(Reply::Json(body)) => whole.body = edited(body, faults).to_string().into_bytes(),
        Ok(Reply::Bytes(kind, body)) => {
            whole.headers.push(("content-type".to_owned(), kind));
            whole.body = body;
        }
        Err(refusal) => whole = Whole::refusal(&refusal, number),
    }
    send(to, whole, number, faults).await
}

fn arrived(shared: &Shared, request: &Request) -> (usize, Vec<Fault>) {
    let mut state = shared.lock();
    let number = state.log.len();
    state.log.push(Logged {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: serde_json::from_slice(&request.bytes).unwrap_or(Value::Null),
        status: 0,
        was_handled: false,
    });
    (number, befalling(&mut state.faults, request, number))
}

fn edited(mut body: Value, faults: &[Fault]) -> Value {
    for fault in faults {
        if let Fault::Edit(edit) = fault {
            edit(&mut body);
        }
    }
    body
}

async fn send(to: &mut TcpStream, whole: Whole, number: usize, faults: &[Fault]) -> Option<()> {
    let mut body = whole.body;
    if faults.iter().any(|it| matches!(it, Fault::Garbled)) {
        body = b"{\"id\": \"half a tho".to_vec();
    }
    let mut head = format!(
        "HTTP/1.1 {} x\r\ncontent-length: {}\r\nrequest-id: req_01STUB{number:06}\r\n\
         anthropic-organization-id: org-stub\r\nanthropic-workspace-id: wrkspc_01STUB\r\n",
        whole.status,
        body.len()
    );
    if !whole.headers.iter().any(|it| it.0 == "content-type") {
        head.push_str("content-type: application/json\r\n");
    }
    for (name, value) in &whole.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    to.write_all(head.as_bytes()).await.ok()?;
    for fault in faults {
        match fault {
            Fault::Half => {
                to.write_all(&body[..body.len() / 2]).await.ok()?;
                return None;
            }
            Fault::Drip(wait) => {
                for byte in body {
                    tokio::time::sleep(*wait).await;
                    to.write_all(&[byte]).await.ok()?;
                }
                return Some(());
            }
            _ => {}
        }
    }
    to.write_all(&body).await.ok()
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at;
        }
        more(stream, bytes).await?;
    };
    let text = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        let known = headers.entry(name.to_lowercase()).or_default();
        if !known.is_empty() {
            known.push(',');
        }
        known.push_str(value);
    }
    let length: usize = headers
        .get("content-length")
        .map_or(Some(0), |it| it.parse().ok())?;
    while bytes.len() < end + 4 + length {
        more(stream, bytes).await?;
    }
    let rest = bytes.split_off(end + 4 + length);
    let body = bytes.split_off(end + 4);
    *bytes = rest;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|it| !it.is_empty());
    let query = pairs.map(|it| it.split_once('=').unwrap_or((it, "")));
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.map(|it| (decode(it.0), decode(it.1))).collect(),
        headers,
        bytes: body,
    })
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 65536];
    let length = stream.read(&mut chunk).await.ok().filter(|it| 0 < *it)?;
    bytes.extend_from_slice(&chunk[..length]);
    Some(())
}
