//! A session's events as they happen: server-sent events, with what can go wrong in them.

use std::{io, sync::Arc};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    Shared,
    faults::{Ending, Fault},
};

/// Sends the events from this one on until the session is deleted or a fault ends it.
pub(super) async fn run(
    to: &mut TcpStream,
    shared: &Arc<Shared>,
    (session, from): (&str, usize),
    faults: &[Fault],
) -> io::Result<()> {
    let mut changed = shared.changed.subscribe();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
                request-id: req_01STUBSTREAM\r\ntransfer-encoding: chunked\r\n\r\n";
    to.write_all(head.as_bytes()).await?;
    chunk(to, "event: ping\ndata: {\"type\": \"ping\"}\n\n").await?;
    let (mut at, mut sent, mut pings) = (from, 0, 0);
    loop {
        if ends(to, faults, sent, None).await? {
            return Ok(());
        }
        let (events, is_over, ping) = {
            let state = shared.lock();
            let session = state.sessions.get(session);
            let feed = session.map(|it| it.feed[at..].to_vec()).unwrap_or_default();
            let is_over = session.is_none_or(|it| it.is_deleted);
            (feed, is_over, state.pace.ping)
        };
        for (_, event) in events {
            at += 1;
            let event = frame(event, faults);
            if ends(to, faults, sent, Some(&event)).await? {
                return Ok(());
            }
            for _ in 0..copies(faults) {
                chunk(to, &event).await?;
            }
            sent += 1;
        }
        if is_over {
            return to.write_all(b"0\r\n\r\n").await;
        }
        if ends(to, faults, sent, None).await? {
            return Ok(());
        }
        let woken = tokio::time::timeout(ping, changed.changed()).await;
        if woken.is_err() {
            pings += 1;
            let quiet = [
                "event: ping\ndata: {\"type\": \"ping\"}\n\n",
                "event: ping\n\n",
                ": still here\n\n",
            ];
            chunk(to, quiet[pings % quiet.len()]).await?;
        }
    }
}

fn copies(faults: &[Fault]) -> usize {
    let is_twice = |it: &Fault| matches!(it, Fault::Twice);
    if faults.iter().any(is_twice) { 2 } else { 1 }
}

fn frame(mut event: Value, faults: &[Fault]) -> String {
    for fault in faults {
        if let Fault::EditEvents(edit) = fault {
            edit(&mut event);
        }
    }
    let kind = event["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {event}\n\n")
}

/// Ends the stream if a fault asks for it after so many events; what would come `next` may be begun.
async fn ends(
    to: &mut TcpStream,
    faults: &[Fault],
    sent: usize,
    next: Option<&str>,
) -> io::Result<bool> {
    for fault in faults {
        match fault {
            Fault::Cut(after, Ending::Inside) if *after == sent => {
                let Some(next) = next else { continue };
                let half: String = next.chars().take(next.chars().count() / 2).collect();
                chunk(to, &half).await?;
                return Ok(true);
            }
            Fault::Cut(after, ending) if *after == sent => {
                if *ending == Ending::Clean {
                    to.write_all(b"0\r\n\r\n").await?;
                }
                return Ok(true);
            }
            Fault::ErrorEvent(after, kind) if *after == sent => {
                let error = json!({"type": "error", "error": {"type": kind, "message": "as the test asked"}});
                chunk(to, &format!("event: error\ndata: {error}\n\n")).await?;
                to.write_all(b"0\r\n\r\n").await?;
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

async fn chunk(to: &mut TcpStream, text: &str) -> io::Result<()> {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    to.write_all(chunk.as_bytes()).await?;
    to.flush().await
}
