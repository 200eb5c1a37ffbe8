"""A small server of tools over its pipes, and all the ways in which such servers misbehave."""
import json
import os
import subprocess
import sys
import time

MODE = sys.argv[1] if len(sys.argv) > 1 else ""


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(words, failed=False):
    return {"content": [{"type": "text", "text": words}], "isError": failed}


def ask(method):
    say({"jsonrpc": "2.0", "id": "mine", "method": method, "params": {}})
    while True:
        message = json.loads(sys.stdin.readline())
        if message.get("id") == "mine":
            return message


def call(name, given):
    if name == "add":
        return text(str(given["one"] + given["other"]))
    if name == "fail":
        return text("it cannot be done", failed=True)
    if name == "image":
        return {"content": [{"type": "image", "mimeType": "image/png", "data": "AAAA"}]}
    if name == "long":
        return text("x" * 100000)
    if name == "where":
        return text(",".join(sorted(os.listdir("."))) + ";" + str(os.environ.get("OPENAI_API_KEY")))
    if name == "questions":
        return text(json.dumps([ask("ping").get("result"), ask("roots/list")["error"]["code"]]))
    if name == "noise":
        sys.stdout.write("not a message\n[]\n{\"half\": \n")
        say({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
        say({"jsonrpc": "2.0", "id": 99999, "result": {}})
        return text("heard")
    if name == "late":
        time.sleep(3)
        return text("too late")
    if name == "leave":
        subprocess.Popen(["setsid", "sleep", "79.5"])
        return text("left")
    if name == "die":
        sys.stderr.write("the roof fell in\n")
        sys.exit(3)
    if name == "flood":
        sys.stdout.write("y" * (5 << 20))
        sys.stdout.flush()
    raise KeyError(name)


TOOLS = ["add", "fail", "image", "long", "where", "questions", "noise", "late", "leave", "die", "flood", "odd/name", "odd.name"]


def listed(name):
    return {"name": name, "description": "Does " + name + ".", "inputSchema": {"type": "object"}}


def main():
    if MODE == "silent":
        time.sleep(60)
    for line in sys.stdin:
        message = json.loads(line)
        number, method, params = message.get("id"), message["method"], message.get("params", {})
        if number is None:
            continue
        result, error = {}, None
        if method == "initialize":
            result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
            if MODE == "refuse":
                error = {"code": -32000, "message": "not today"}
        elif method == "tools/list":
            at = int(params.get("cursor", "0"))
            result = {"tools": [listed(it) for it in TOOLS[at : at + 5]]}
            if at + 5 < len(TOOLS) or MODE == "endless":
                result["nextCursor"] = str(at + 5)
        elif method == "tools/call":
            try:
                result = call(params["name"], params.get("arguments", {}))
            except KeyError as fault:
                error = {"code": -32602, "message": "there is no " + str(fault)}
        say({"jsonrpc": "2.0", "id": number, **({"error": error} if error else {"result": result})})


main()
