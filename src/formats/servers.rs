//! `[[mcp]]`: servers whose tools a suite gives to models.

use std::{collections::BTreeMap, path::Path};

use crate::{
    domain::{
        id::Digest,
        suite::{ServerReach, ToolServer},
    },
    files,
    formats::shape::Shape,
    secret::names_variable,
};

/// Seconds one answer may take where nothing is said.
const SECONDS: u64 = 60;
/// Longest name, in characters: it stands before those of the tools.
const LONGEST_NAME: usize = 24;
/// Largest file of a server that takes part in its digest, in bytes.
const LARGEST: u64 = 64 << 20;

/// The servers of a suite; their digest covers what is run, with the files of the suite that it names.
pub(super) fn read_servers(
    file: &Shape<'_>,
    folder: &Path,
    digests: &mut BTreeMap<String, Digest>,
) -> Vec<ToolServer> {
    let mut servers: Vec<ToolServer> = Vec::new();
    let mut parts = Vec::new();
    for table in file.shapes("mcp", "a tool server") {
        let name = table.need_text("name");
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-';
        if !name.value.is_empty()
            && (LONGEST_NAME < name.value.len() || !name.value.chars().all(is_plain))
        {
            table.teach(
                name.at,
                format!("a tool server cannot be called `{}`", name.value),
                format!("its name is of letters, digits and `-`, at most {LONGEST_NAME} of them"),
            );
        }
        if servers.iter().any(|it| it.name == name.value) {
            table.fault(
                name.at,
                format!("two tool servers are called `{}`", name.value),
            );
        }
        let seconds = table.number("seconds", 1..3601).unwrap_or(SECONDS);
        let reach = read_reach(&table, folder, &mut parts);
        table.finish();
        if let Some(reach) = reach {
            servers.push(ToolServer {
                name: name.value,
                reach,
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            });
        }
    }
    if !servers.is_empty() {
        parts.push(format!("{:?}", told(&servers)));
        let digest = Digest::of_parts(parts.iter().map(String::as_bytes));
        digests.insert("tool servers".to_owned(), digest);
    }
    servers
}

/// What a digest covers of servers; where the suite lies is no part of it, so the words are told apart.
fn told(servers: &[ToolServer]) -> Vec<(&str, u32, &str)> {
    servers
        .iter()
        .map(|it| {
            let url = match &it.reach {
                ServerReach::Url { url, .. } => url,
                ServerReach::Command { .. } => "",
            };
            (it.name.as_str(), it.seconds, url)
        })
        .collect()
}

fn read_reach(table: &Shape<'_>, folder: &Path, parts: &mut Vec<String>) -> Option<ServerReach> {
    match (table.has("command"), table.has("url")) {
        (true, false) => {
            let words = table.texts("command");
            let pass_env = table.texts("pass_env").into_iter().map(|it| it.value);
            let pass_env: Vec<String> = pass_env.collect();
            if words.first().is_none_or(|it| it.value.is_empty()) {
                table.teach(
                    table.at(),
                    "this tool server names no program",
                    "write it as in `command = [\"python3\", \"server.py\"]`",
                );
                return None;
            }
            parts.extend(pass_env.iter().cloned());
            let run = words.into_iter().map(|it| {
                parts.push(it.value.clone());
                whole(it.value, folder, parts)
            });
            Some(ServerReach::Command {
                run: run.collect(),
                pass_env,
            })
        }
        (false, true) => {
            let url = table.need_text("url");
            let key = table.text("key").map(|it| it.value);
            if !is_address(&url.value) {
                // It is not repeated: a key may stand in it.
                table.teach(
                    url.at,
                    "this `url` is no address of a tool server",
                    "write it as in `url = \"http://localhost:8080/mcp\"`, without a user, a `?` or a `#`; `key = \"MY_TOKEN\"` \
                     names the environment variable of a key",
                );
                return None;
            }
            if key.as_deref().is_some_and(|it| !names_variable(it)) {
                table.teach(
                    table.at(),
                    "the `key` of this tool server is not the name of an environment variable",
                    "write the name of the variable that holds the key, in capitals, as in `key = \"MY_TOKEN\"`",
                );
                return None;
            }
            Some(ServerReach::Url {
                url: url.value,
                key,
            })
        }
        _ => {
            // The keys are known all the same.
            let _ = (table.texts("command"), table.text("url"));
            table.teach(
                table.at(),
                "a tool server has either a `command` or a `url`",
                "give one of them: `command = [\"python3\", \"server.py\"]` or `url = \"http://…\"`",
            );
            None
        }
    }
}

/// Whether an address can be asked, and holds nothing that could be a key.
fn is_address(url: &str) -> bool {
    let host = ["http://", "https://"]
        .iter()
        .find_map(|it| url.strip_prefix(it));
    host.is_some_and(|host| {
        let name = host.split('/').next().unwrap_or_default();
        !name.is_empty() && !name.contains('@') && !host.contains(['?', '#'])
    })
}

/// A word that names a file of the suite with its whole path, since servers run in the folder of a trial.
fn whole(word: String, folder: &Path, parts: &mut Vec<String>) -> String {
    let path = folder.join(&word);
    if word.is_empty() || Path::new(&word).is_absolute() || !path.is_file() {
        return word;
    }
    if let Ok(bytes) = files::read_bytes(&path, LARGEST) {
        parts.push(Digest::of(&bytes).to_string());
    }
    let path = std::path::absolute(path).ok();
    path.and_then(|it| it.into_os_string().into_string().ok())
        .unwrap_or(word)
}
