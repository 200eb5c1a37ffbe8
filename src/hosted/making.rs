//! Making each thing once although answers are lost, and reading listings to their end.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use serde_json::Value;

use crate::{
    domain::id::Digest,
    draw::Key,
    hosted::{Call, Outcome, Platform, Trouble, encoded, lock, pause, text_at},
    http::Repeat,
};

/// How often something is created anew where an answer was lost and nothing was found.
const CREATIONS: u32 = 6;
/// How often a listing is looked at for what may have been made: at half a second, and then up to 7.5 seconds.
const LISTINGS: u32 = 4;
/// Most pages read of a listing.
const MOST_PAGES: usize = 10_000;

/// How something is found again whose making was not answered: in this listing, by this sign.
pub(super) struct Sought<'a> {
    pub listing: &'a str,
    pub is_it: &'a (dyn Fn(&Value) -> bool + Send + Sync),
}

/// Empty pages in a row after which a listing is held never to end.
const MOST_EMPTY: u32 = 20;

impl Platform {
    /// Makes something that must not exist twice: where the answer is lost it is looked for before it is made again, and
    /// where it cannot be looked for either, before anybody makes the same later.
    pub(super) async fn create(
        &self,
        path: &str,
        body: &Value,
        address: Key,
        sought: &Sought<'_>,
    ) -> Outcome<Value> {
        self.has_made.store(true, Ordering::Relaxed);
        let digest = Digest::of_parts([path.as_bytes(), body.to_string().as_bytes()]);
        let mut call = Call::post(path, body, address);
        call.repeat = Repeat::Creation;
        let mut last = String::new();
        for _ in 0..CREATIONS {
            let is_doubtful = lock(&self.doubtful).contains(&digest);
            if is_doubtful && let Some(found) = self.look_for_made(sought, address).await? {
                lock(&self.doubtful).remove(&digest);
                return Ok(found);
            }
            match self.ask(&call).await {
                Err(Trouble::Lost(told)) => last = told,
                other => {
                    if other.is_ok() {
                        lock(&self.doubtful).remove(&digest);
                    }
                    return other;
                }
            }
            lock(&self.doubtful).insert(digest);
        }
        match self.look_for_made(sought, address).await? {
            Some(found) => {
                lock(&self.doubtful).remove(&digest);
                Ok(found)
            }
            None => Err(Trouble::Lost(format!("{last} ({CREATIONS} times)"))),
        }
    }

    /// What may have been made although nobody was told: a listing may show it a while later.
    async fn look_for_made(&self, sought: &Sought<'_>, address: Key) -> Outcome<Option<Value>> {
        for tried in 0..LISTINGS {
            self.client.wait(pause(tried)).await;
            if let Some(found) = self.find(sought, address).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first item of a listing that is the one sought.
    pub(super) async fn find(&self, sought: &Sought<'_>, address: Key) -> Outcome<Option<Value>> {
        let mut found = None;
        self.pages(sought.listing, address, &mut |item| {
            // What is archived can be used no more.
            let is_live = item.get("archived_at").is_none_or(Value::is_null);
            if is_live && (sought.is_it)(&item) {
                found = Some(item);
            }
            found.is_none()
        })
        .await?;
        Ok(found)
    }

    /// Every item of a listing.
    pub(super) async fn list(&self, path: &str, address: Key) -> Outcome<Vec<Value>> {
        let mut items = Vec::new();
        self.pages(path, address, &mut |item| {
            items.push(item);
            true
        })
        .await?;
        Ok(items)
    }

    /// Reads a listing page by page, until it ends or `wants_more` does not.
    async fn pages(
        &self,
        path: &str,
        address: Key,
        wants_more: &mut (dyn FnMut(Value) -> bool + Send),
    ) -> Outcome<()> {
        let mut cursor: Option<String> = None;
        let mut read = BTreeSet::new();
        let mut empty = 0;
        for _ in 0..MOST_PAGES {
            let page = match &cursor {
                None => path.to_owned(),
                Some(cursor) => {
                    let joint = if path.contains('?') { '&' } else { '?' };
                    format!("{path}{joint}page={}", encoded(cursor))
                }
            };
            let mut body = self.ask(&Call::get(&page, address)).await?;
            let Some(Value::Array(items)) = body.get_mut("data").map(Value::take) else {
                return Err(Trouble::Unusable(format!(
                    "answered a listing without `data` ({path})"
                )));
            };
            empty = if items.is_empty() { empty + 1 } else { 0 };
            if empty == MOST_EMPTY {
                return Err(Trouble::Unusable(format!(
                    "gives {MOST_EMPTY} pages in a row of the listing {path} that hold nothing, and says there are more"
                )));
            }
            for item in items {
                if !wants_more(item) {
                    return Ok(());
                }
            }
            let Some(next) = text_at(&body, "/next_page").filter(|it| !it.is_empty()) else {
                return Ok(());
            };
            if !read.insert(next.clone()) {
                return Err(Trouble::Unusable(format!(
                    "leads the listing {path} in a circle: page `{next}` comes twice"
                )));
            }
            cursor = Some(next);
        }
        Err(Trouble::Unusable(format!("never ends the listing {path}")))
    }
}
