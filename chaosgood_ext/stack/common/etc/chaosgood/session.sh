# One JSON line for each command that somebody runs here; the log shipper takes them to the log group of sessions.
session_log() {
    local message="$1"
    message=${message//\\/\\\\}
    message=${message//\"/\\\"}
    message=${message//$'\n'/\\n}
    message=${message//$'\t'/\\t}
    message=${message//[$'\001'-$'\037']/}
    printf '{"time":"%s","host":"%s","session":%d,"command":"%s"}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$(hostname)" $$ "$message" >>/var/log/session.log
}
