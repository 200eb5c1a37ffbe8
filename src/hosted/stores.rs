//! Memory stores: put, exported whole, compared by path and digest of the raw bytes.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    domain::{
        id::Digest,
        memory::{Entry, Store},
    },
    draw::Key,
    hosted::{
        Call, Outcome, PAGE, Platform, Sought, Trouble, encoded, has_metadata, id_of, lock,
        own_address, text_at,
        tidy::{Lying, Role},
    },
};

/// The name and the description every store of a run has: agents are shown them, so they are the same in every arm.
pub const NAME: &str = "notes";
/// See [`NAME`].
pub const DESCRIPTION: &str = "Notes from earlier work. There may be none.";
/// What the copy of a store is for that a dream reads.
pub(super) const INPUT: &str = "dream-input";
/// Largest memory, in bytes, and most of them in a store.
const LARGEST: usize = 102_400;
const MOST: usize = 2_000;
/// With contents, a page has no more than this many memories.
const FULL_PAGE: &str = "view=full&limit=20";

/// A store as it lies on the platform: its paths and the digests of their bytes.
pub type Manifest = BTreeMap<String, Digest>;

/// A store that was put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRef {
    /// Its id.
    pub id: String,
    /// What was put into it.
    pub manifest: Manifest,
}

/// The paths of a store and the digests of their bytes, as they are.
pub fn manifest_of(store: &Store) -> Manifest {
    let entries = store.entries.iter();
    entries
        .map(|it| (it.path.clone(), Digest::of(it.text.as_bytes())))
        .collect()
}

impl Platform {
    /// The store that holds this one's bytes, for sessions to read: put once in a run, whoever is given it.
    ///
    /// # Errors
    /// It does not fit, or could not be put.
    pub async fn shared_store(&self, store: &Store) -> Outcome<StoreRef> {
        let digest = store.digest();
        let cell = {
            let mut stores = lock(&self.stores);
            Arc::clone(stores.entry(digest).or_default())
        };
        let put = cell.get_or_try_init(async || self.put_store(store, "given").await);
        self.needed(put.await.cloned())
    }

    /// A store of its own with these bytes; `purpose` tells it from others of the same bytes.
    ///
    /// # Errors
    /// It does not fit, or could not be put.
    pub async fn put_store(&self, store: &Store, purpose: &str) -> Outcome<StoreRef> {
        check(store)?;
        let digest = store.digest();
        let address = own_address("store").word(purpose).word(&digest.to_string());
        let metadata = self.metadata(&[("purpose", purpose), ("store", &digest.short())])?;
        let body = json!({"name": NAME, "description": DESCRIPTION, "metadata": metadata});
        let sought = Sought {
            listing: &format!("/v1/memory_stores?{PAGE}"),
            is_it: &|item| has_metadata(item, &metadata),
        };
        let made = self
            .create("/v1/memory_stores", &body, address, &sought)
            .await?;
        let id = id_of(&made)?;
        let put = StoreRef {
            manifest: manifest_of(store),
            id,
        };
        let mut lying = Lying {
            manifest: None,
            role: match purpose {
                INPUT => Role::Input,
                _ => Role::Given,
            },
        };
        lock(&self.made)
            .stores
            .insert(put.id.clone(), lying.clone());
        for entry in &store.entries {
            self.put_memory(&put.id, entry, address).await?;
        }
        let lies = self.manifest(&put.id, address).await?;
        if let Some(change) = difference(&put.manifest, &lies) {
            return Err(Trouble::Unusable(format!("put a store wrongly: {change}")));
        }
        lying.manifest = Some(put.manifest.clone());
        lock(&self.made).stores.insert(put.id.clone(), lying);
        Ok(put)
    }

    async fn put_memory(&self, store: &str, entry: &Entry, address: Key) -> Outcome<()> {
        let path = format!("/v1/memory_stores/{store}/memories");
        let body = json!({"path": entry.path, "content": entry.text});
        let digest = Digest::of(entry.text.as_bytes()).to_string();
        let sought = Sought {
            listing: &format!("{path}?{PAGE}"),
            is_it: &|item| {
                text_at(item, "/path").as_deref() == Some(&entry.path)
                    && text_at(item, "/content_sha256").as_deref() == Some(&digest)
            },
        };
        match self.create(&path, &body, address, &sought).await {
            // A try before this one may have come as far as here.
            Err(Trouble::Refused(409, told)) => match self.find(&sought, address).await? {
                Some(_) => Ok(()),
                None => Err(Trouble::Refused(409, told)),
            },
            other => other.map(drop),
        }
    }

    /// What lies in a store, by path and digest.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn manifest(&self, store: &str, address: Key) -> Outcome<Manifest> {
        let path = format!("/v1/memory_stores/{store}/memories?{PAGE}");
        let mut manifest = Manifest::new();
        for item in self.list(&path, address).await? {
            if text_at(&item, "/type").as_deref() == Some("memory_prefix") {
                continue;
            }
            let digest = text_at(&item, "/content_sha256").and_then(|it| Digest::from_hex(&it));
            let (Some(path), Some(digest)) = (text_at(&item, "/path"), digest) else {
                return Err(Trouble::Unusable(
                    "listed a memory without its path or digest".to_owned(),
                ));
            };
            manifest.insert(path, digest);
        }
        Ok(manifest)
    }

    /// A store with all its bytes, each memory held against its digest.
    ///
    /// # Errors
    /// It could not be read, or a memory is not what its digest says.
    pub async fn export(&self, store: &str, address: Key) -> Outcome<Store> {
        let path = format!("/v1/memory_stores/{store}/memories?{FULL_PAGE}");
        let mut entries = Vec::new();
        for item in self.list(&path, address).await? {
            if text_at(&item, "/type").as_deref() == Some("memory_prefix") {
                continue;
            }
            entries.push(entry_of(&item)?);
        }
        let store = Store::new(entries);
        let twice = store.entries.windows(2).find(|it| it[0].path == it[1].path);
        match twice {
            Some(pair) => Err(Trouble::Unusable(format!(
                "listed the memory `{}` twice: it changed while it was read",
                pair[0].path
            ))),
            None => Ok(store),
        }
    }

    /// A new store with the bytes of another.
    ///
    /// # Errors
    /// The one could not be read, or the other put.
    pub async fn clone_store(&self, store: &str, purpose: &str, address: Key) -> Outcome<StoreRef> {
        let bytes = self.export(store, address).await?;
        self.put_store(&bytes, purpose).await
    }

    /// Removes a store; one that is gone already is no fault.
    ///
    /// # Errors
    /// It is still there.
    pub async fn delete_store(&self, store: &str, address: Key) -> Outcome<()> {
        let path = format!("/v1/memory_stores/{}", encoded(store));
        gone(self.ask(&Call::delete(&path, address)).await)?;
        lock(&self.made).stores.remove(store);
        Ok(())
    }
}

/// What is gone already need not be removed.
pub(super) fn gone(outcome: Outcome<Value>) -> Outcome<()> {
    match outcome {
        Ok(_) | Err(Trouble::Refused(404, _)) => Ok(()),
        Err(other) => Err(other),
    }
}

fn entry_of(item: &Value) -> Outcome<Entry> {
    let path = text_at(item, "/path")
        .ok_or_else(|| Trouble::Unusable("listed a memory without a path".to_owned()))?;
    let Some(text) = text_at(item, "/content") else {
        return Err(Trouble::Unusable(format!(
            "listed the memory `{path}` without its content"
        )));
    };
    // The digest is over the bytes exactly as they are stored.
    let digest = Digest::of(text.as_bytes());
    match text_at(item, "/content_sha256") {
        Some(told) if told != digest.to_string() => Err(Trouble::Unusable(format!(
            "sent the memory `{path}` with bytes that are not those of its digest"
        ))),
        _ => Ok(Entry { path, text }),
    }
}

/// Whether a store fits; what a folder may hold the platform may not.
fn check(store: &Store) -> Outcome<()> {
    let wrong = |told: String| Err(Trouble::Unusable(format!("takes no such store: {told}")));
    if MOST < store.entries.len() {
        let has = store.entries.len();
        return wrong(format!("it has {has} files, and the most is {MOST}"));
    }
    match store.entries.iter().find(|it| LARGEST < it.text.len()) {
        Some(entry) => wrong(format!(
            "`{}` has {} bytes, and the most is {LARGEST}",
            entry.path,
            entry.text.len()
        )),
        None => Ok(()),
    }
}

/// The first difference of two stores, in words.
pub fn difference(was: &Manifest, is: &Manifest) -> Option<String> {
    let paths = was.keys().chain(is.keys());
    paths
        .filter(|path| was.get(*path) != is.get(*path))
        .map(|path| match (was.get(path), is.get(path)) {
            (Some(was), Some(is)) => {
                format!("`{path}` was {} and is {}", was.short(), is.short())
            }
            (Some(_), None) => format!("`{path}` is gone"),
            (None, _) => format!("`{path}` was added"),
        })
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_16_memories_are_held_against_the_digest_of_their_raw_bytes() {
        let item = |text: &str, of: &str| json!({"path": "/a.md", "content": text, "content_sha256": Digest::of(of.as_bytes())});
        let raw = "e\u{301} \r\n";
        assert_eq!(entry_of(&item(raw, raw)).unwrap().text, raw);
        for other in ["é \r\n", "e\u{301} \n", "e\u{301}"] {
            assert!(entry_of(&item(raw, other)).is_err());
        }
        assert_eq!(
            entry_of(&json!({"path": "/a.md", "content": null})).unwrap_err(),
            Trouble::Unusable("listed the memory `/a.md` without its content".to_owned())
        );
    }

    #[test]
    fn stores_are_compared_by_path_and_digest() {
        let manifest = |files: &[(&str, &str)]| {
            let entry = |(path, text): &(&str, &str)| Entry {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            };
            manifest_of(&Store::new(files.iter().map(entry).collect()))
        };
        let was = manifest(&[("/a", "x"), ("/b", "y")]);
        assert_eq!(difference(&was, &was), None);
        let told = |is: &[(&str, &str)]| difference(&was, &manifest(is)).unwrap();
        assert!(told(&[("/a", "x "), ("/b", "y")]).starts_with("`/a` was "));
        assert_eq!(told(&[("/a", "x")]), "`/b` is gone");
        assert_eq!(
            told(&[("/a", "x"), ("/b", "y"), ("/c", "")]),
            "`/c` was added"
        );
    }

    #[test]
    fn a_store_too_large_is_told_before_anything_is_sent() {
        let large = Store::new(vec![Entry {
            path: "/a.md".to_owned(),
            text: "x".repeat(LARGEST + 1),
        }]);
        assert_eq!(
            check(&large).unwrap_err().told(),
            "the platform takes no such store: `/a.md` has 102401 bytes, and the most is 102400"
        );
    }
}
