"""Any program that takes a prompt and prints an answer as an agent of dreameval (docs/recipes.md). Standard library only.

dreameval run SUITE --agent "command:python3 generic.py PROGRAM [ARGUMENTS]"

`{prompt}` among the arguments is replaced by the prompt, `{memory}` by the folder of the memory, `{workspace}` by that of
the workspace; where no argument takes the prompt, the program reads it on its standard input.
"""

import json
import subprocess
import sys


def main():
    asked = json.load(sys.stdin)
    if len(sys.argv) < 2:
        sys.exit("generic.py is told no program to run")
    text = prompt(asked)
    places = {
        "{prompt}": text,
        "{memory}": asked["memory"]["folder"],
        "{workspace}": asked["workspace"] or ".",
    }
    command = []
    for word in sys.argv[1:]:
        for place, value in places.items():
            # A value is put in once: what it holds is not looked at again.
            if place in word:
                word = word.replace(place, value)
                break
        command.append(word)
    is_argument = any("{prompt}" in word for word in sys.argv[1:])
    done = subprocess.run(command, input="" if is_argument else text, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stderr.strip()}\n{command[0]} ended with {done.returncode}")
    json.dump({"answer": done.stdout.strip()}, sys.stdout)


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


if __name__ == "__main__":
    main()
