"""Are our requests what the providers' own packages say they are, and does a run go through a gateway of other hands?

Plays runs against a model made here, whose replies are checked against the official types too, with every exchange
recorded; checks each recorded request, and those the test suite recorded, against the parameter types of the packages
`anthropic` and `openai`; then plays runs through LiteLLM, which translates between the two protocols.

    python check.py path/to/dreameval [folder of cassettes]

Needs `anthropic`, `openai` and `litellm[proxy]`. Ends with 1 where anything is not as it should be.
"""

import collections.abc
import csv
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import typing
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic.types
import openai.types.chat
import typing_extensions as te
from anthropic.types import beta, message_create_params
from anthropic.types.beta import memory_stores, sessions
from openai.types.chat import completion_create_params

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SUITE = REPOSITORY / "tests/it/suites/post-room"
KEY = "sk-" + secrets.token_hex(32)

# ---- a value against a type of the packages ------------------------------------------------------------------------


def faults(value, kind, at):
    """What is wrong with a JSON value where `kind` is asked for, each with its place; none where it fits."""
    origin, args = te.get_origin(kind), te.get_args(kind)
    if kind in (typing.Any, object):
        return []
    if te.is_typeddict(kind):
        return of_record(value, kind, at)
    if origin in (te.Required, te.NotRequired, te.Annotated):
        return faults(value, args[0], at)
    if origin in (typing.Union, types.UnionType):
        return of_union(value, args, at)
    if origin is te.Literal:
        return [] if value in args else [f"{at}: {value!r} is none of {args}"]
    if origin in (list, collections.abc.Iterable, collections.abc.Sequence):
        if not isinstance(value, list):
            return [f"{at}: not an array"]
        return [it for index, part in enumerate(value) for it in faults(part, args[0], f"{at}[{index}]")]
    if origin is dict or kind is dict:
        if not isinstance(value, dict):
            return [f"{at}: not an object"]
        parts = value.items() if args else []
        return [it for key, part in parts for it in faults(part, args[1], f"{at}.{key}")]
    if kind is float:
        return [] if isinstance(value, (int, float)) and not isinstance(value, bool) else [f"{at}: not a number"]
    if kind is int:
        return [] if isinstance(value, int) and not isinstance(value, bool) else [f"{at}: not an integer"]
    if kind in (None, type(None)):
        return [] if value is None else [f"{at}: not null"]
    if isinstance(kind, type):
        return [] if isinstance(value, kind) else [f"{at}: not a {kind.__name__}"]
    raise TypeError(f"{at}: this checker does not know the type {kind!r}")


def of_union(value, args, at):
    found = []
    for kind in args:
        here = faults(value, kind, at)
        if not here:
            return []
        found.append(here)
    # The nearest of the alternatives says most: that whose `type` fits, or else the one with the fewest faults.
    return min(found, key=lambda it: (any(".type:" in one for one in it), len(it)))


def of_record(value, kind, at):
    if not isinstance(value, dict):
        return [f"{at}: not an object"]
    found, known = [], set()
    for name, hint in te.get_type_hints(kind, include_extras=True).items():
        wire = alias(hint) or name
        known.add(wire)
        if wire in value:
            found += faults(value[wire], hint, f"{at}.{wire}")
        elif te.get_origin(hint) is te.Required or (kind.__total__ and te.get_origin(hint) is not te.NotRequired):
            found.append(f"{at}: `{wire}` is missing")
    others = [key for key in value if key not in known]
    kept = getattr(kind, "__extra_items__", None)
    if kept in (None, te.NoExtraItems, te.Never):
        return found + [f"{at}: `{key}` is not known" for key in others]
    return found + [it for key in others for it in faults(value[key], kept, f"{at}.{key}")]


def alias(hint):
    if te.get_origin(hint) in (te.Required, te.NotRequired):
        return alias(te.get_args(hint)[0])
    if te.get_origin(hint) is te.Annotated:
        return next((it.alias for it in te.get_args(hint)[1:] if getattr(it, "alias", None)), None)
    return None


BODIES = [
    ("/v1/messages", message_create_params.MessageCreateParamsNonStreaming),
    ("/chat/completions", completion_create_params.CompletionCreateParamsNonStreaming),
    ("/v1/agents", beta.agent_create_params.AgentCreateParams),
    ("/v1/environments", beta.environment_create_params.EnvironmentCreateParams),
    ("/v1/memory_stores", beta.memory_store_create_params.MemoryStoreCreateParams),
    ("/v1/memory_stores/ID/memories", memory_stores.memory_create_params.MemoryCreateParams),
    ("/v1/sessions", beta.session_create_params.SessionCreateParams),
    ("/v1/sessions/ID/events", sessions.event_send_params.EventSendParams),
    ("/v1/dreams", beta.dream_create_params.DreamCreateParams),
]
# What has no body by the documents, or an empty one.
EMPTY = re.compile(r"/v1/(agents|environments|memory_stores|sessions|dreams)/ID/(archive|cancel)")
IDS = re.compile(r"/(agent|env|memstore|mem|memver|sesn|sevt|sthr|drm|file|skill)_[A-Za-z0-9_-]+")


def check_request(tape, at):
    """Faults of one recorded request; raises where its path is none of the documents'."""
    path = IDS.sub("/ID", tape["path"].split("?")[0])
    if tape["method"] != "POST":
        return [] if tape.get("body") is None else [f"{at}: {tape['method']} with a body"]
    if EMPTY.fullmatch(path):
        return [] if tape.get("body") in (None, {}) else [f"{at}: {path} with a body"]
    kind = dict(BODIES).get(path)
    if kind is None:
        return [f"{at}: POST {path} is no path of the documents"]
    return faults(tape["body"], kind, at + " " + path)


def check_tapes(folder):
    counts, found = collections.Counter(), []
    for file in sorted(pathlib.Path(folder).rglob("*.jsonl")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            tape = json.loads(line)
            if "came" not in tape:
                continue
            counts[IDS.sub("/ID", tape["path"].split("?")[0])] += 1
            found += check_request(tape, f"{file.name}:{number}")
    return counts, found


# ---- a model made here ---------------------------------------------------------------------------------------------


class Model(BaseHTTPRequestHandler):
    """Calls two tools at once, then one, by their schemas' first words; then says it is done. In both protocols."""

    protocol_version = "HTTP/1.1"
    seen, faults, lock = [], [], threading.Lock()

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.split("?")[0]
        if not path.endswith(("/messages", "/chat/completions")):
            return self.send_error(404)
        is_messages = path.endswith("/messages")
        kind = dict(BODIES)["/v1/messages" if is_messages else "/chat/completions"]
        with self.lock:
            self.seen.append(self.path)
            if self.headers.get("user-agent", "").startswith("dreameval"):
                self.faults.extend(faults(body, kind, "as sent"))
        reply = (messages if is_messages else completions)(body)
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def example(schema):
    """An input a schema allows."""
    values = schema.get("properties", {}).items()
    return {name: (it.get("enum") or ["x"])[0] for name, it in values}


def calls(tools, answered):
    """What is called after so many answers: (name, schema) pairs."""
    if not tools or answered >= 3:
        return []
    return [tools[0], tools[-1]] if answered == 0 else [tools[0]]


def messages(body):
    blocks = [it for part in body["messages"] if isinstance(part["content"], list) for it in part["content"]]
    answered = sum(it.get("type") == "tool_result" for it in blocks)
    tools = [(it["name"], it.get("input_schema", {})) for it in body.get("tools", [])]
    content = [
        {"type": "tool_use", "id": f"toolu_{answered}_{index}", "name": name, "input": example(schema)}
        for index, (name, schema) in enumerate(calls(tools, answered))
    ] or [{"type": "text", "text": "Done."}]
    usage = {"input_tokens": 100, "output_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    reply = {
        "id": "msg_wire", "type": "message", "role": "assistant", "model": body["model"], "content": content,
        "stop_reason": "tool_use" if content[0]["type"] == "tool_use" else "end_turn", "stop_sequence": None,
        "usage": usage,
    }
    anthropic.types.Message.model_validate(reply)
    return reply


def completions(body):
    answered = sum(it["role"] == "tool" for it in body["messages"])
    tools = [(it["function"]["name"], it["function"].get("parameters", {})) for it in body.get("tools", [])]
    called = [
        {"id": f"call_{answered}_{index}", "type": "function",
         "function": {"name": name, "arguments": json.dumps(example(schema))}}
        for index, (name, schema) in enumerate(calls(tools, answered))
    ]
    message = {"role": "assistant", "content": None if called else "Done.", "refusal": None}
    if called:
        message["tool_calls"] = called
    reply = {
        "id": "chatcmpl-wire", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if called else "stop",
                     "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }
    openai.types.chat.ChatCompletion.model_validate(reply)
    return reply


# ---- runs ----------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    """Something is not as it should be."""


def play(program, agent, base_url, folder, more=()):
    """Plays a run and returns its trials; every one must be graded and have used tools."""
    out = pathlib.Path(folder) / agent.replace(":", "-").replace("/", "-")
    words = [program, "run", str(SUITE), "--agent", agent, "--base-url", base_url, "--preset", "smoke", "--pairs", "5",
             "--csv", "--quiet", "--out", str(out), *more]
    variables = {**os.environ, "ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Wrong(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    trials = list(csv.DictReader((out / "trials.csv").open()))
    broken = [it["broken"] for it in trials if it["broken"]]
    if broken or not trials:
        raise Wrong(f"{agent}: {len(broken)} of {len(trials)} trials broke, the first: {broken[:1]}")
    unused = [it["task"] for it in trials if int(it["steps"]) < 3 or not it["input_tokens"]]
    if unused:
        raise Wrong(f"{agent}: {len(unused)} of {len(trials)} trials called fewer than 3 tools or tell no tokens")
    return trials


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def gateway(model_url, folder):
    """Starts LiteLLM between us and the model, once with each protocol behind it."""
    port = free_port()
    table = {"model_list": [
        {"model_name": "behind-messages",
         "litellm_params": {"model": "anthropic/wire", "api_base": model_url, "api_key": KEY}},
        {"model_name": "behind-completions",
         "litellm_params": {"model": "hosted_vllm/wire", "api_base": model_url + "/v1", "api_key": KEY}},
    ]}
    config = pathlib.Path(folder) / "litellm.json"
    config.write_text(json.dumps(table))
    log = (pathlib.Path(folder) / "litellm.log").open("w")
    litellm = pathlib.Path(sys.executable).with_name("litellm")
    words = [str(litellm), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    variables = {**os.environ, "LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*", "no_proxy": "*"}
    process = subprocess.Popen(words, stdout=log, stderr=log, env=variables)
    for _ in range(480):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=1)
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.5)
    process.kill()
    raise Wrong("LiteLLM did not come up:\n" + pathlib.Path(log.name).read_text()[-2000:])


def prove():
    """The checker sees what it is for: one request that fits, and four that each have one fault."""
    kind = dict(BODIES)["/v1/messages"]
    result = {"type": "tool_result", "tool_use_id": "t", "content": "x", "is_error": False}
    good = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [result]}]}
    bad = [
        {**good, "max_tokens": "9"},
        {**good, "seed": 1},
        {key: it for key, it in good.items() if key != "messages"},
        {**good, "messages": [{"role": "user", "content": [{**result, "tool_use_id": 3}]}]},
    ]
    if faults(good, kind, "good") or not all(faults(it, kind, "bad") for it in bad):
        raise Wrong("the checker itself does not see what it should")


def main():
    program, *cassettes = sys.argv[1:]
    prove()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as folder:
        tapes = pathlib.Path(folder) / "tapes"
        tapes.mkdir()
        played = 0
        for delivery in ("context", "tool"):
            for agent, base in [("anthropic:wire", url), ("openai:wire", url + "/v1")]:
                tape = tapes / f"{agent.split(':')[0]}-{delivery}.jsonl"
                more = ["--record", str(tape), "--delivery", delivery]
                played += len(play(program, agent, base, pathlib.Path(folder) / delivery, more))
        print(f"direct: {played} trials, {len(Model.seen)} requests")
        counts, found = collections.Counter(), list(Model.faults)
        for place in [tapes, *cassettes]:
            more, wrong = check_tapes(place)
            counts += more
            found += wrong
        for path, count in sorted(counts.items()):
            print(f"types: {count:6} requests to {path}")
        for needed in ("/v1/messages", "/chat/completions"):
            if not counts[needed]:
                raise Wrong(f"nothing was recorded of {needed}")
        if found:
            raise Wrong(f"{len(found)} faults, the first:\n" + "\n".join(found[:20]))
        process, through = gateway(url, folder)
        try:
            for agent, base in [("openai:behind-messages", through + "/v1"), ("anthropic:behind-completions", through)]:
                before = len(Model.seen)
                trials = play(program, agent, base, folder)
                print(f"LiteLLM: {agent}: {len(trials)} trials, {len(Model.seen) - before} requests behind it")
        finally:
            process.terminate()
    print("as it should be")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"not as it should be: {wrong}")
