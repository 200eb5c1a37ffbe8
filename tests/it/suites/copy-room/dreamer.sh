# A program that dreams: it keeps what it was given and adds a note; it notes each dream beside itself.
input=$(cat)
part() { printf %s "$input" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
echo dream >> "$(dirname "$0")/dreams"
cp "$(part memory)"/* "$(part out)"
printf -- '- A copy is called copy.txt.\n' > "$(part out)/copies.md"
grep -q '"agent.message"' "$(part sessions)"/*.jsonl || exit 7
echo '{"changes":[{"action":"added","name":"A copy is called copy.txt","path":"/copies.md","why":"seen in practice"}],"usage":{"cost_usd":0.25}}'
