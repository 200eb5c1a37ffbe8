"""Codex in its non-interactive mode as an agent of dreameval (docs/recipes.md). Standard library only.

dreameval run SUITE --agent "command:python3 codex.py [what else `codex exec` is to be told]"
"""

import json
import subprocess
import sys

# Items that are calls of tools, with the name they have in a transcript.
TOOLS = {"command_execution": "shell", "file_change": "edit", "mcp_tool_call": "mcp", "web_search": "web_search"}


def main():
    asked = json.load(sys.stdin)
    command = ["codex", "exec", "--json", "--skip-git-repo-check", "--sandbox", "workspace-write"]
    command += [*sys.argv[1:], "-"]
    done = subprocess.run(command, input=prompt(asked), capture_output=True, text=True)
    lines = read(done.stdout)
    turns = [it.get("usage") or {} for it in lines if it.get("type") == "turn.completed"]
    if not turns:
        said = [it.get("message") or it.get("error") for it in lines if it.get("type") in ("error", "turn.failed")]
        sys.exit(f"{done.stderr.strip()}\ncodex ended with {done.returncode} and no completed turn: {said}")
    items = [it["item"] for it in lines if it.get("type") == "item.completed" and "item" in it]
    events = [event for item in items for event in events_of(item)]
    messages = [it["text"] for it in items if it.get("type") == "agent_message"]
    answer = {"stop": "finished", "usage": usage(turns, events), "events": events}
    if messages:
        answer["answer"] = messages[-1]
    json.dump(answer, sys.stdout)


def prompt(asked):
    """The request, what lies on the desk, and the memory; with nothing to remember the same frame stays."""
    brief = asked["brief"]
    lines = [brief["prompt"], ""]
    for thing in brief["setup"]:
        said = ", ".join(f"{name}: {value}" for name, value in thing["attributes"])
        lines.append(f"- {thing['kind']} {thing['name']} ({said})")
    lines += ["", "Notes from earlier work, which may be wrong or beside the point:", "<notes>"]
    lines += [learning["text"] for learning in asked["memory"]["learnings"]] or ["(none)"]
    lines += ["</notes>"]
    return "\n".join(lines)


def read(text):
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [it for it in found if isinstance(it, dict)]


def usage(turns, events):
    """Codex counts cached tokens among those of the input; dreameval keeps them apart."""
    told = {"steps": sum(it["type"] == "agent.tool_use" for it in events)}
    told["tool_errors"] = sum(it.get("is_error", False) for it in events)
    if all("input_tokens" in it for it in turns):
        cached = sum(it.get("cached_input_tokens", 0) for it in turns)
        told["input_tokens"] = sum(it["input_tokens"] for it in turns) - cached
        told["cache_read_tokens"] = cached
    if all("output_tokens" in it for it in turns):
        told["output_tokens"] = sum(it["output_tokens"] for it in turns)
    return told


def events_of(item):
    kind = item.get("type")
    if kind == "agent_message":
        return [{"type": "agent.message", "content": [{"type": "text", "text": item["text"]}]}]
    if kind not in TOOLS:
        return []
    telling = {"id", "type", "status", "aggregated_output", "exit_code", "result", "error"}
    given = {key: value for key, value in item.items() if key not in telling}
    is_error = item.get("status") == "failed" or item.get("exit_code") not in (None, 0)
    said = item.get("aggregated_output") or item.get("status") or ""
    call = {"type": "agent.tool_use", "id": item.get("id"), "name": TOOLS[kind], "input": given}
    came = {"type": "agent.tool_result", "tool_use_id": item.get("id"), "content": said, "is_error": is_error}
    return [call, came]


if __name__ == "__main__":
    main()
