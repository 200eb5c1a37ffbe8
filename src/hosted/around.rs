//! A look around the platform before anything is made there.

use serde_json::Value;

use crate::{
    error::did_you_mean,
    hosted::{Call, Outcome, Platform, Trouble, encoded, own_address, text_at},
};

impl Platform {
    /// Whether each part and the model can be used with this key, with what there is to say of it; nothing is made.
    pub async fn look_around(&self, model: &str) -> Vec<(&'static str, Outcome<String>)> {
        let parts = [
            ("agents", "/v1/agents?limit=1"),
            ("sessions", "/v1/sessions?limit=1"),
            ("memory stores", "/v1/memory_stores?limit=1"),
            ("dreams", "/v1/dreams?limit=1"),
        ];
        let mut found = Vec::with_capacity(parts.len() + 1);
        for (part, path) in parts {
            let came = self.look_at(path).await;
            found.push((part, came.map(|_| "can be used".to_owned())));
        }
        found.push(("model", self.look_for(model).await));
        found
    }

    async fn look_at(&self, path: &str) -> Outcome<Value> {
        self.ask(&Call::get(path, own_address("doctor"))).await
    }

    /// The model by its name. A server that lists no models at all says nothing of this one.
    async fn look_for(&self, model: &str) -> Outcome<String> {
        let path = format!("/v1/models/{}", encoded(model));
        let found = match self.look_at(&path).await {
            Err(Trouble::Refused(404, _)) => return self.look_for_alike(model).await,
            other => other?,
        };
        let day = |at: &str| text_at(&found, at).filter(|it| !it.is_empty());
        match text_at(&found, "/lifecycle").as_deref() {
            Some("retired") => Err(Trouble::Unusable(format!("has retired `{model}`"))),
            Some("deprecated") => Ok(match day("/retires_at") {
                Some(day) => format!("{model} can be used, and retires at {day}"),
                None => format!("{model} can be used, and is deprecated"),
            }),
            _ => Ok(format!("{model} can be used")),
        }
    }

    async fn look_for_alike(&self, model: &str) -> Outcome<String> {
        let listed = self.look_at("/v1/models?limit=1000").await;
        let listed = listed.ok().and_then(|it| it.get("data").cloned());
        let known: Vec<String> = listed
            .iter()
            .flat_map(|it| it.as_array().into_iter().flatten())
            .filter_map(|it| text_at(it, "/id"))
            .collect();
        if known.is_empty() {
            return Ok(format!("{model}: whether it is there is not told"));
        }
        let alike = did_you_mean(model, "models", known.iter().map(String::as_str));
        Err(Trouble::Unusable(format!("knows no `{model}`; {alike}")))
    }
}
