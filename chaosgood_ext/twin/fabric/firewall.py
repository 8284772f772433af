"""Security groups, network ACLs and route tables, as data and as nftables rulesets.

Security groups are stateful and live in each host's own namespace (input and output); network ACLs are
stateless and live, with the route tables, in the router. Sources: "Security group rules", "Network ACLs"
and "Route tables" in the Amazon VPC User Guide.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

ALL = "-1"
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp"}

UNFILTERED = ("10.0.0.2", "169.254.169.253", "169.254.169.254")
"""The Amazon DNS server and the metadata service: neither groups nor ACLs filter traffic to them."""


@dataclass(frozen=True)
class Rule:
    """One permission: a protocol (`tcp`, `udp`, `icmp`, a number, or `-1` for all), ports, and who.

    `from_port` and `to_port` are inclusive; for ICMP they are type and code, -1 meaning any.
    """

    protocol: str
    from_port: int | None = None
    to_port: int | None = None
    cidrs: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecurityGroup:
    """A security group's rules; what none of them allows is dropped in silence."""

    group_id: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class AclEntry:
    """One numbered entry of a network ACL; `action` is `allow` or `deny`."""

    rule_number: int
    action: str
    egress: bool
    protocol: str
    cidr: str
    from_port: int | None = None
    to_port: int | None = None


@dataclass(frozen=True)
class Acl:
    """A network ACL and the CIDR blocks of the subnets that it guards."""

    acl_id: str
    cidrs: tuple[str, ...]
    entries: tuple[AclEntry, ...]


@dataclass(frozen=True)
class Route:
    """Where packets to `destination` go: `local`, a gateway's id, or `blackhole`."""

    destination: str
    target: str


@dataclass(frozen=True)
class RouteTable:
    """A route table and the CIDR blocks of the subnets that use it."""

    route_table_id: str
    cidrs: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Network:
    """All that decides whether a packet arrives. `members` maps a private address to its group ids.

    `public_addresses` are the private addresses that the internet reaches; None means all.
    """

    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    acls: tuple[Acl, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    public_addresses: frozenset[str] | None = None
    vpc_cidr: str = "10.0.0.0/16"

    def sources(self, rule: Rule) -> tuple[list[str], list[str]]:
        """The IPv4 and IPv6 networks that `rule` speaks of, its groups resolved to their members."""
        named = [address for address, ids in self.members.items() if set(ids) & set(rule.group_ids)]
        networks = [ipaddress.ip_network(text, strict=False) for text in (*rule.cidrs, *named)]
        four = [net for net in networks if isinstance(net, ipaddress.IPv4Network)]
        six = [net for net in networks if isinstance(net, ipaddress.IPv6Network)]
        return (
            [str(net) for net in ipaddress.collapse_addresses(four)],
            [str(net) for net in ipaddress.collapse_addresses(six)],
        )


def render_host(network: Network, address: str) -> str:
    """Render the nftables ruleset of the host at `address`; a host in no group can talk to nobody."""
    groups = [network.groups[i] for i in network.members.get(address, ()) if i in network.groups]
    ingress = _unique(line for group in groups for rule in group.ingress for line in _rule(network, rule, "saddr"))
    egress = _unique(line for group in groups for rule in group.egress for line in _rule(network, rule, "daddr"))
    open_to = ", ".join(UNFILTERED)
    return _table(
        "inet sg",
        {
            "in": [
                "type filter hook input priority 0; policy drop;",
                "ct state established,related accept",
                'iif "lo" accept',
                *ingress,
            ],
            "out": [
                "type filter hook output priority 0; policy drop;",
                "ct state established,related accept",
                'oif "lo" accept',
                f"ip daddr {{ {open_to} }} accept",
                *egress,
            ],
        },
    )


def render_router(network: Network) -> str:
    """Render the router's ruleset: routes first, then the ACL of the subnet left and of the one entered."""
    forward = ["type filter hook forward priority 0; policy accept;"]
    chains: dict[str, list[str]] = {}
    if network.public_addresses is not None:
        inside = f"ip saddr != {network.vpc_cidr} ip daddr {network.vpc_cidr}"
        public = ", ".join(sorted(network.public_addresses))
        forward.append(f"{inside} ip daddr != {{ {public} }} drop" if public else f"{inside} drop")
    for index, table in enumerate(network.route_tables):
        chains[f"route{index}"] = [*_routes(table), "drop"]
        forward += [f"ip saddr {cidr} jump route{index}" for cidr in table.cidrs]
    for index, acl in enumerate(network.acls):
        for egress, chain in ((True, f"acl{index}_out"), (False, f"acl{index}_in")):
            chains[chain] = [*_acl(acl, egress=egress), "drop"]
        forward += [f"ip saddr {cidr} ip daddr != {cidr} jump acl{index}_out" for cidr in acl.cidrs]
    for index, acl in enumerate(network.acls):
        forward += [f"ip daddr {cidr} ip saddr != {cidr} jump acl{index}_in" for cidr in acl.cidrs]
    return _table("ip vpc", {**chains, "forward": forward})


def _routes(table: RouteTable) -> Iterator[str]:
    for route in sorted(table.routes, key=lambda r: ipaddress.ip_network(r.destination).prefixlen, reverse=True):
        if ipaddress.ip_network(route.destination).version == 4:
            yield f"ip daddr {route.destination} {'drop' if route.target == 'blackhole' else 'return'}"


def _acl(acl: Acl, *, egress: bool) -> Iterator[str]:
    for entry in sorted(acl.entries, key=lambda e: e.rule_number):
        if entry.egress != egress or ":" in entry.cidr:
            continue
        peer = f"ip {'daddr' if egress else 'saddr'} {entry.cidr}"
        match = _ports(entry.protocol, entry.from_port, entry.to_port)
        yield " ".join(filter(None, (peer, match, "return" if entry.action == "allow" else "drop")))


def _rule(network: Network, rule: Rule, side: str) -> Iterator[str]:
    four, six = network.sources(rule)
    match = _ports(rule.protocol, rule.from_port, rule.to_port)
    for family, nets in (("ip", four), ("ip6", six)):
        if nets:
            yield " ".join(filter(None, (f"{family} {side} {{ {', '.join(nets)} }}", match, "accept")))


def _ports(protocol: str, from_port: int | None, to_port: int | None) -> str:
    name = _PROTOCOLS.get(protocol, protocol)
    if name == ALL:
        return ""
    if name == "icmp":
        return "meta l4proto icmp" if from_port in (None, -1) else f"icmp type {from_port}"
    if name not in ("tcp", "udp"):
        return f"meta l4proto {name}"
    if from_port in (None, -1) or (from_port == 0 and to_port in (None, 0, 65535)):
        return f"meta l4proto {name}"
    return f"{name} dport {from_port}" if to_port in (None, from_port) else f"{name} dport {from_port}-{to_port}"


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _table(name: str, chains: Mapping[str, list[str]]) -> str:
    """A table that replaces its former self whole, in one transaction."""
    body = "".join(
        f"  chain {chain} {{\n{''.join(f'    {line}{chr(10)}' for line in lines)}  }}\n"
        for chain, lines in chains.items()
    )
    return f"table {name}\ndelete table {name}\ntable {name} {{\n{body}}}\n"
