"""Claude Code in print mode as an agent of dreameval (docs/recipes.md). Standard library only.

dreameval run SUITE --agent "command:python3 claude_code.py [--events] [what else `claude` is to be told]"

With `--events` every tool call is told, so that a dream has something to read; without, the answer and the usage.
"""

import json
import subprocess
import sys


def main():
    asked = json.load(sys.stdin)
    words = sys.argv[1:]
    wants_events = "--events" in words
    shape = ["stream-json", "--verbose"] if wants_events else ["json"]
    command = ["claude", "-p", "--output-format", *shape]
    command += ["--max-turns", str(asked["brief"]["limits"]["steps"]), "--permission-mode", "acceptEdits"]
    command += [word for word in words if word != "--events"]
    done = subprocess.run(command, input=prompt(asked), capture_output=True, text=True)
    messages = read(done.stdout)
    results = [it for it in messages if it.get("type") == "result"]
    if not results:
        give_up(f"claude ended with {done.returncode} and no result", done.stderr)
    result = results[-1]
    stops = {"error_max_turns": "steps", "error_max_budget_usd": "budget"}
    stop = stops.get(result.get("subtype"), "finished")
    if result.get("is_error") and stop == "finished":
        give_up(f"claude failed: {result.get('subtype')}: {result.get('result')}", done.stderr)
    answer = {"stop": stop, "usage": usage(result)}
    if isinstance(result.get("result"), str):
        answer["answer"] = result["result"]
    if wants_events:
        answer["events"] = events(messages)
        answer["usage"]["steps"] = sum(it["type"] == "agent.tool_use" for it in answer["events"])
        answer["usage"]["tool_errors"] = sum(it.get("is_error", False) for it in answer["events"])
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
    """One object, an array of them, or one on each line."""
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return [it for it in found if isinstance(it, dict)]


def usage(result):
    told = result.get("usage") or {}
    return {
        "input_tokens": told.get("input_tokens"),
        "output_tokens": told.get("output_tokens"),
        "cache_read_tokens": told.get("cache_read_input_tokens"),
        "cache_write_tokens": told.get("cache_creation_input_tokens"),
        "cost_usd": result.get("total_cost_usd"),
    }


def events(messages):
    found = []
    for message in messages:
        content = (message.get("message") or {}).get("content")
        for part in content if isinstance(content, list) else []:
            kind = part.get("type")
            if kind == "text" and message["type"] == "assistant":
                found.append({"type": "agent.message", "content": [{"type": "text", "text": part["text"]}]})
            elif kind == "tool_use":
                found.append({"type": "agent.tool_use", "id": part["id"], "name": part["name"], "input": part["input"]})
            elif kind == "tool_result":
                said = part.get("content")
                if isinstance(said, list):
                    said = "\n".join(it.get("text", "") for it in said)
                came = {"type": "agent.tool_result", "tool_use_id": part["tool_use_id"], "content": said or ""}
                found.append({**came, "is_error": bool(part.get("is_error"))})
    return found


def give_up(why, errors):
    """The trial is broken: this says nothing about the agent."""
    sys.exit(f"{errors.strip()}\n{why}")


if __name__ == "__main__":
    main()
