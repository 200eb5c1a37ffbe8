# A program that does the work of this suite, and notes each attempt beside itself where a file `attempts` lies there.
input=$(cat)
here=$(dirname "$0")
[ -e "$here/attempts" ] && echo attempt >> "$here/attempts"
memory=$(printf %s "$input" | sed 's/.*"folder":"\([^"]*\)".*/\1/')
prompt=$(printf %s "$input" | sed 's/.*"prompt":"\([^"]*\)".*/\1/')
stamp=$(cat "$memory"/*.md 2> /dev/null | sed -n 's/.*stamp of a form is \([A-Z0-9]*\).*/\1/p')
answer=done
set -- $prompt
case "$prompt" in
    Copy*) cp "$2" "${4%.}" ;;
    How*) answer=$(wc -l < "${5%\?}" | tr -d ' ') ;;
    Which*) answer=$stamp ;;
    Write*) echo "$stamp" > form.txt ;;
esac
printf '{"answer":"%s","usage":{"steps":1,"cost_usd":0.01},"surfaced":[]}' "$answer"
