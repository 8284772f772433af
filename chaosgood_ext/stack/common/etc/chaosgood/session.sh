# What somebody types or runs here, as JSON lines; the log shipper takes them to the log group of sessions.
[ -r /etc/chaosgood/aws ] && export AWS_CONFIG_FILE=/etc/chaosgood/aws

# session_log COMMAND: one line for a command; fails where the log cannot be written.
session_log() { session_write '"command":' "$1" ''; }

# One line for each that comes in: what was seen in a terminal, in the key that Session Manager uses for it.
session_transcript() {
    local text
    while IFS= read -r text || [ -n "$text" ]; do session_write '"sessionData":[' "${text%$'\r'}" ']'; done
}

session_write() {
    local LC_ALL=C TZ=UTC now=$EPOCHREALTIME text=$2 code escape character
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    if [[ $text == *[[:cntrl:]]* ]]; then
        for code in {1..31}; do
            printf -v escape '\\u%04x' "$code"
            printf -v character '%b' "\\x${escape: -2}"
            text=${text//"$character"/"$escape"}
        done
    fi
    printf '{"time":"%(%Y-%m-%dT%H:%M:%S)T.%sZ","host":"%s","session":%d,%s"%s"%s}\n' \
        "${now%[.,]*}" "${now: -6:3}" "$HOSTNAME" $$ "$1" "$text" "$3" >>/var/log/session.log
}
