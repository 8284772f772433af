"""The configuration of a load balancer's node: an nginx that answers its clients as an Application Load Balancer does.

Source: "Troubleshoot your Application Load Balancers" and "Routing" in the ELB User Guide. What an ALB answers itself:
502 (the target refused, closed early, or answered what is no HTTP), 503 (nothing is registered that may get
requests), 504 (ten seconds without a connection, or the idle timeout without an answer). It does not try another
target after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chaosgood_ext.twin.services.elb_health import Health
from chaosgood_ext.twin.services.elb_model import Action, Listener, LoadBalancer, Target, TargetGroup
from chaosgood_ext.twin.services.elb_rules import PATH_MAP, locations, maps

CONFIG_PATH = "/etc/nginx/nginx.conf"
PID_PATH = "/run/nginx.pid"
ACCESS_LOG = "/var/log/alb/access.log"
_CONNECT_TIMEOUT_S = 10

# Field names of an ALB's access log entries; 460 is what it logs when the client went away first.
_LOG = (
    '\'{"time":"$time_iso8601","type":"http","elb":"%s","client":"$remote_addr:$remote_port",\'\n'
    '    \'"target":"$upstream_addr","request_processing_time":0.000,\'\n'
    '    \'"target_processing_time":"$upstream_response_time","request_time":$request_time,\'\n'
    '    \'"elb_status_code":$alb_status,"target_status_code":"$upstream_status","received_bytes":$request_length,\'\n'
    '    \'"sent_bytes":$bytes_sent,"request":"$request_method $scheme://$http_host$request_uri $server_protocol",\'\n'
    '    \'"target_group_arn":"$alb_group","target_connect_time":"$upstream_connect_time",\'\n'
    '    \'"target_header_time":"$upstream_header_time",\'\n'
    '    \'"user_agent":"$http_user_agent","trace_id":"$alb_trace"}\''
)

_TITLES = {
    400: "Bad Request",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
    505: "HTTP Version Not Supported",
}
_UNREAD = (400, 414, 505)
"""What answers a request that could not be read: nginx leads none without a URI to a named location."""
_OWN_HEADER = "            more_set_headers 'Server: awselb/2.0';"

_HEAD = """\
load_module /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so;
user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/alb/error.log warn;
worker_shutdown_timeout {idle}s;

events {{
    worker_connections 4096;
}}

http {{
    map $status $alb_status {{ default $status; 499 460; }}
    map "$msec$request_id" $alb_root {{ "~^(?<second>\\d+)\\.\\d+(?<random>.{{24}})" "Root=1-$second-$random"; }}
    map $http_x_amzn_trace_id $alb_trace {{ default $http_x_amzn_trace_id; "" $alb_root; }}
    map "" $alb_group {{ default ""; }}
    log_format alb escape=json {log};
    access_log /var/log/alb/access.log alb;
    server_tokens off;
    client_body_temp_path /tmp/nginx-body;
    proxy_temp_path /tmp/nginx-proxy;
    fastcgi_temp_path /tmp/nginx-fastcgi;
    uwsgi_temp_path /tmp/nginx-uwsgi;
    scgi_temp_path /tmp/nginx-scgi;
    client_max_body_size 0;
    keepalive_timeout {idle}s;
    keepalive_requests 1000000;
    client_header_timeout {idle}s;
    client_body_timeout {idle}s;
    send_timeout {idle}s;
    underscores_in_headers on;
    merge_slashes off;
"""

_FORWARD = """\
            set $alb_group "{arn}";
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Amzn-Trace-Id $alb_trace;
            proxy_pass_header Server;
            proxy_pass_header Date;
            proxy_connect_timeout {connect}s;
            proxy_send_timeout {idle}s;
            proxy_read_timeout {idle}s;
            proxy_next_upstream off;
            proxy_buffering on;
            proxy_max_temp_file_size 0;
"""


def eligible(group: TargetGroup, health: Mapping[Target, Health]) -> list[Target]:
    """Return the targets that get requests: the healthy ones; where there is none, all unhealthy ones (fail open)."""
    states = {target: health[target].state for target in group.targets if target in health}
    healthy = [target for target, state in states.items() if state in ("healthy", "unavailable")]
    return sorted(healthy or [target for target, state in states.items() if state == "unhealthy"])


def render(
    balancer: LoadBalancer,
    routes: Mapping[str, Sequence[tuple[str, int]]],
    least_outstanding: frozenset[str] = frozenset(),
) -> str:
    """Render nginx.conf; `routes` maps target groups to the addresses and ports that get requests.

    The target groups of `least_outstanding` prefer who has the fewest requests, the others go round.
    """
    lines = [_HEAD.format(idle=balancer.idle_timeout_s, log=_LOG % balancer.name), PATH_MAP]
    for arn in sorted(balancer.target_group_arns()):
        method = ["        least_conn;"] if arn in least_outstanding else []
        lines.extend(_upstream(arn, routes.get(arn, ()), method))
    for listener in balancer.listeners:
        lines.extend(maps(listener))
        lines.extend(_server(balancer, listener, routes))
    return "\n".join([*lines, "}", ""])


def _upstream(arn: str, addresses: Iterable[tuple[str, int]], method: Sequence[str]) -> list[str]:
    servers = [f"        server {address}:{port} max_fails=0;" for address, port in addresses]
    if not servers:
        return []
    return [f"    upstream {_upstream_name(arn)} {{", *method, *servers, "        keepalive 64;", "    }"]


def _upstream_name(arn: str) -> str:
    return arn.rpartition("targetgroup/")[2].replace("/", "-")


def _server(balancer: LoadBalancer, listener: Listener, routes: Mapping[str, Sequence[tuple[str, int]]]) -> list[str]:
    return [
        "    server {",
        f"        listen {listener.port} default_server backlog=1024;",
        *(f"        error_page {code} {_place(code)};" for code in _TITLES),
        *locations(listener, lambda action, arn: _action(balancer, action, arn, routes)),
        *(line for code, title in _TITLES.items() for line in _own_answer(code, title)),
        "    }",
    ]


def _action(
    balancer: LoadBalancer, action: Action, arn: str, routes: Mapping[str, Sequence[tuple[str, int]]]
) -> list[str]:
    if action.kind == "fixed-response":
        return _answer(action.status, action.content_type, action.body)
    if action.kind == "redirect":
        return [_OWN_HEADER, f"            return {action.status} {_quoted(action.location)};"]
    if action.kind != "forward" or not routes.get(arn):
        return [f"            set $alb_group {_quoted(arn)};", "            return 503;"]
    forward = _FORWARD.format(
        arn=arn,
        upstream=_upstream_name(arn),
        connect=_CONNECT_TIMEOUT_S,
        idle=balancer.idle_timeout_s,
    )
    return forward.rstrip("\n").split("\n")


def _own_answer(code: int, title: str) -> list[str]:
    heading = f"{code} {title}"
    body = (
        f"<html>\r\n<head><title>{heading}</title></head>\r\n<body>\r\n"
        f"<center><h1>{heading}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    begin = f"        location {_place(code)} {{"
    if code in _UNREAD:
        begin = f"        location = {_place(code)} {{\n            internal;"
    return [begin, *_answer(code, "text/html", body), "        }"]


def _place(code: int) -> str:
    return f"/.own-answer-{code}" if code in _UNREAD else f"@own{code}"


def _answer(status: int, content_type: str, body: str) -> list[str]:
    return [
        _OWN_HEADER,
        f"            default_type {_quoted(content_type)};",
        f"            return {status} {_quoted(body)};",
    ]


def _quoted(text: str) -> str:
    """Quote a string for nginx; `$` would be a variable, which only redirects may contain."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped}"'
