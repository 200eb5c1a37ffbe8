//! The recipes of `docs/recipes`, each against a program of the name it calls, which prints recorded output.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use dreameval::files::TemporaryFolder;
use serde_json::{Value, json};

use crate::program::{command, end, repository};

/// What `claude -p --output-format json` printed.
const CLAUDE: &str = r#"{"type":"result","subtype":"success","is_error":false,"duration_ms":2814,"duration_api_ms":2790,"num_turns":2,"result":"Q7","session_id":"3c9e","total_cost_usd":0.0421,"usage":{"input_tokens":12,"cache_creation_input_tokens":3000,"cache_read_input_tokens":14000,"output_tokens":90,"server_tool_use":{"web_search_requests":0}},"permission_denials":[]}"#;
/// What `claude -p --output-format stream-json --verbose` printed.
const CLAUDE_STREAM: &str = r#"{"type":"system","subtype":"init","cwd":"/w","session_id":"3c9e","tools":["Bash","Read"],"model":"claude"}
{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"toolu_1","name":"Read","input":{"file_path":"form.txt"}}]},"session_id":"3c9e"}
{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"no such file","is_error":true}]},"session_id":"3c9e"}
{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"Q7"}]},"session_id":"3c9e"}
{"type":"result","subtype":"error_max_turns","is_error":true,"num_turns":10,"session_id":"3c9e","total_cost_usd":0.05,"usage":{"input_tokens":1,"output_tokens":2}}
"#;
/// What `codex exec --json` printed.
const CODEX: &str = r#"{"type":"thread.started","thread_id":"0199a213-81c0-7800-8aa1-bbab2a035a53"}
{"type":"turn.started"}
{"type":"item.started","item":{"id":"item_1","type":"command_execution","command":"bash -lc 'cat form.txt'","aggregated_output":"","exit_code":null,"status":"in_progress"}}
{"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"bash -lc 'cat form.txt'","aggregated_output":"no such file\n","exit_code":1,"status":"failed"}}
{"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"Q7"}}
{"type":"turn.completed","usage":{"input_tokens":24763,"cached_input_tokens":24448,"output_tokens":122}}
"#;

/// Runs a recipe with `words`, where `name` prints `output` and ends with `code`; returns its exit code, its answer, its
/// last words, and what `name` was told: its arguments, then its standard input.
fn recipe(
    words: &[&str],
    name: &str,
    (output, code): (&str, i32),
) -> (Option<i32>, Value, String, String) {
    let folder = TemporaryFolder::create("recipe").unwrap();
    let bin = folder.path().join(name);
    fs::write(folder.path().join("output"), output).unwrap();
    let script = format!(
        "#!/bin/sh\nhere=$(dirname \"$0\")\necho \"$@\" > \"$here/told\"\ncat >> \"$here/told\"\ncat \"$here/output\"\necho talk >&2\nexit {code}\n"
    );
    fs::write(&bin, script).unwrap();
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
    let input = json!({
        "format": 1,
        "brief": {
            "role": "clerk",
            "prompt": "Which stamp?",
            "setup": [{"kind": "form", "name": "a.txt", "attributes": [["colour", "blue"]]}],
            "limits": {"steps": 10, "seconds": 20},
        },
        "memory": {"folder": folder.path(), "learnings": [{"id": "n-1", "text": "The stamp is Q7."}]},
        "workspace": folder.path(),
        "seed": 1,
    });
    let path = format!("{}:{}", folder.path().display(), env!("PATH"));
    let mut child = Command::new("python3")
        .arg(repository().join("docs/recipes").join(words[0]))
        .args(&words[1..])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(input.to_string().as_bytes()).unwrap();
    drop(pipe);
    let done = child.wait_with_output().unwrap();
    let told = fs::read_to_string(folder.path().join("told")).unwrap();
    (
        done.status.code(),
        serde_json::from_slice(&done.stdout).unwrap_or_default(),
        String::from_utf8(done.stderr).unwrap(),
        told.replace(&folder.path().display().to_string(), "FOLDER"),
    )
}

/// Whether there is a Python to run the recipes with.
fn has_python() -> bool {
    let has = Command::new("python3").arg("--version").output().is_ok();
    if !has {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no python3");
    }
    has
}

/// The prompt every recipe gives.
const PROMPT: &str = "Which stamp?\n\n- form a.txt (colour: blue)\n\nNotes from earlier work, which may be wrong or beside the point:\n<notes>\nThe stamp is Q7.\n</notes>";

#[test]
fn claude_code_is_asked_in_print_mode_and_its_result_is_the_answer() {
    if !has_python() {
        return;
    }
    let words = ["claude_code.py", "--model", "some-model"];
    let (code, answer, _, told) = recipe(&words, "claude", (CLAUDE, 0));
    assert_eq!(code, Some(0));
    assert_eq!(
        answer,
        json!({
            "answer": "Q7",
            "stop": "finished",
            "usage": {
                "input_tokens": 12, "output_tokens": 90, "cache_read_tokens": 14000,
                "cache_write_tokens": 3000, "cost_usd": 0.0421,
            },
        })
    );
    assert_eq!(
        told,
        format!(
            "-p --output-format json --max-turns 10 --permission-mode acceptEdits --model some-model\n{PROMPT}"
        )
    );
}

#[test]
fn claude_code_tells_its_tool_calls_where_they_are_asked_for() {
    if !has_python() {
        return;
    }
    let (code, answer, _, told) = recipe(
        &["claude_code.py", "--events"],
        "claude",
        (CLAUDE_STREAM, 1),
    );
    assert_eq!(code, Some(0));
    assert!(told.starts_with("-p --output-format stream-json --verbose --max-turns 10 "));
    assert_eq!(answer["stop"], "steps");
    assert_eq!(
        (&answer["usage"]["steps"], &answer["usage"]["tool_errors"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        answer["events"],
        json!([
            {"type": "agent.message", "content": [{"type": "text", "text": "I look."}]},
            {"type": "agent.tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "form.txt"}},
            {"type": "agent.tool_result", "tool_use_id": "toolu_1", "content": "no such file", "is_error": true},
            {"type": "agent.message", "content": [{"type": "text", "text": "Q7"}]},
        ])
    );
}

#[test]
fn codex_is_asked_in_its_sandbox_and_cached_tokens_are_kept_apart() {
    if !has_python() {
        return;
    }
    let (code, answer, _, told) = recipe(&["codex.py", "--model", "m"], "codex", (CODEX, 0));
    assert_eq!(code, Some(0));
    assert_eq!(
        answer,
        json!({
            "answer": "Q7",
            "stop": "finished",
            "usage": {
                "steps": 1, "tool_errors": 1, "input_tokens": 315, "cache_read_tokens": 24448,
                "output_tokens": 122,
            },
            "events": [
                {"type": "agent.tool_use", "id": "item_1", "name": "shell", "input": {"command": "bash -lc 'cat form.txt'"}},
                {"type": "agent.tool_result", "tool_use_id": "item_1", "content": "no such file\n", "is_error": true},
                {"type": "agent.message", "content": [{"type": "text", "text": "Q7"}]},
            ],
        })
    );
    assert_eq!(
        told,
        format!(
            "exec --json --skip-git-repo-check --sandbox workspace-write --model m -\n{PROMPT}"
        )
    );
}

#[test]
fn any_program_is_asked_on_its_input_or_by_an_argument() {
    if !has_python() {
        return;
    }
    let (code, answer, _, told) = recipe(&["generic.py", "asked", "--fast"], "asked", ("Q7\n", 0));
    assert_eq!((code, answer), (Some(0), json!({"answer": "Q7"})));
    assert_eq!(told, format!("--fast\n{PROMPT}"));
    let words = ["generic.py", "asked", "--in={workspace}", "{prompt}"];
    let (_, _, _, told) = recipe(&words, "asked", ("Q7\n", 0));
    assert_eq!(told, format!("--in=FOLDER {PROMPT}\n"));
}

#[test]
fn a_recipe_whose_program_fails_breaks_the_trial_with_its_last_words() {
    if !has_python() {
        return;
    }
    let failed = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"result":"overloaded"}"#;
    let (code, _, talk, _) = recipe(&["claude_code.py"], "claude", (failed, 1));
    assert_eq!(
        (code, talk.as_str()),
        (
            Some(1),
            "talk\nclaude failed: error_during_execution: overloaded\n"
        )
    );
    let failed = r#"{"type":"turn.failed","error":{"message":"no quota"}}"#;
    let (code, _, talk, _) = recipe(&["codex.py"], "codex", (failed, 1));
    assert_eq!(code, Some(1));
    assert!(
        talk.contains("no quota") && talk.starts_with("talk\n"),
        "{talk}"
    );
    let (code, _, talk, _) = recipe(&["generic.py", "asked"], "asked", ("", 3));
    assert_eq!(
        (code, talk.as_str()),
        (Some(1), "talk\nasked ended with 3\n")
    );
}

#[test]
fn a_suite_is_played_through_a_recipe_and_a_program_on_the_path() {
    if !has_python() {
        return;
    }
    let folder = TemporaryFolder::create("recipe").unwrap();
    let bin = folder.path().join("claude");
    fs::write(
        &bin,
        format!("#!/bin/sh\ncat > /dev/null\necho '{CLAUDE}'\n"),
    )
    .unwrap();
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
    let suite = repository().join("tests/it/suites/copy-room");
    let recipe = repository().join("docs/recipes/claude_code.py");
    let agent = format!("command:python3 '{}' --model m", recipe.display());
    let arguments = [
        "run",
        suite.to_str().unwrap(),
        "--agent",
        &agent,
        "--arms",
        "bare,stored",
        "--repeats",
        "1",
        "--pairs",
        "0",
        "--out",
        "run",
        "-q",
        "--csv",
    ];
    let path = format!("{}:{}", folder.path().display(), env!("PATH"));
    let said = end(command(folder.path(), arguments)
        .env("PATH", path)
        .spawn()
        .unwrap());
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let journal = fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"cost_usd\":0.0421").count(), 12);
    assert_eq!(journal.matches("\"completed\":true").count(), 2);
}

#[test]
fn each_recipe_is_told_of_in_the_docs() {
    let docs = fs::read_to_string(repository().join("docs/recipes.md")).unwrap();
    for entry in fs::read_dir(repository().join("docs/recipes")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "py") {
            let name = Path::new(path.file_name().unwrap()).display().to_string();
            assert!(docs.contains(&name), "{name}");
        }
    }
}
