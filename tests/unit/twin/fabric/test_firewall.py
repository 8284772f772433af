"""Security groups, ACLs and routes become the nftables rules that AWS's documentation promises."""

import pytest

from chaosgood_ext.twin.fabric.firewall import (
    Acl,
    AclEntry,
    Network,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    render_host,
    render_router,
)

DATABASE = "10.0.30.5"


def network(*rules: Rule, members: dict[str, tuple[str, ...]] | None = None) -> Network:
    return Network(
        groups={"sg-db": SecurityGroup("sg-db", ingress=rules), "sg-app": SecurityGroup("sg-app")},
        members={DATABASE: ("sg-db",), **(members or {})},
    )


def accepted(ruleset: str, chain: str = "in") -> list[str]:
    body = ruleset.split(f"chain {chain} {{")[1].split("}\n  chain")[0]
    return [line.strip() for line in body.splitlines() if line.strip().startswith(("ip ", "ip6 "))]


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule("tcp", 5432, 5432, ("10.0.20.0/23",)), "ip saddr { 10.0.20.0/23 } tcp dport 5432 accept"),
        (Rule("tcp", 1024, 2048, ("10.0.20.0/23",)), "ip saddr { 10.0.20.0/23 } tcp dport 1024-2048 accept"),
        (Rule("-1", 0, 0, ("0.0.0.0/0",)), "ip saddr { 0.0.0.0/0 } accept"),
        (Rule("-1", None, None, ("::/0",)), "ip6 saddr { ::/0 } accept"),
        (Rule("6", 5432, 5432, ("10.0.20.7/32",)), "ip saddr { 10.0.20.7/32 } tcp dport 5432 accept"),
        (Rule("udp", 0, 65535, ("10.0.0.0/16",)), "ip saddr { 10.0.0.0/16 } meta l4proto udp accept"),
        (Rule("icmp", -1, -1, ("10.0.0.0/16",)), "ip saddr { 10.0.0.0/16 } meta l4proto icmp accept"),
        (Rule("icmp", 8, 0, ("10.0.0.0/16",)), "ip saddr { 10.0.0.0/16 } icmp type 8 accept"),
    ],
)
def test_a_rule_accepts_what_it_names(rule: Rule, line: str) -> None:
    assert accepted(render_host(network(rule), DATABASE)) == [line]


def test_two_halves_of_the_world_are_the_world() -> None:
    rule = Rule("tcp", 5432, 5432, ("0.0.0.0/1", "128.0.0.0/1"))
    assert accepted(render_host(network(rule), DATABASE)) == ["ip saddr { 0.0.0.0/0 } tcp dport 5432 accept"]


def test_a_rule_by_group_follows_the_groups_members() -> None:
    rule = Rule("tcp", 5432, 5432, group_ids=("sg-app",))
    assert accepted(render_host(network(rule), DATABASE)) == []
    joined = network(rule, members={"10.0.20.7": ("sg-app",), "10.0.21.9": ("sg-other", "sg-app")})
    assert accepted(render_host(joined, DATABASE)) == ["ip saddr { 10.0.20.7/32, 10.0.21.9/32 } tcp dport 5432 accept"]


def test_a_host_in_no_group_talks_to_nobody_but_the_resolver() -> None:
    ruleset = render_host(Network(), "10.0.10.5")
    assert accepted(ruleset) == []
    assert [line for line in accepted(ruleset, "out") if "10.0.0.2" not in line] == []
    assert ruleset.count("policy drop") == 2


def test_tracked_connections_outlive_the_rule_that_let_them_in() -> None:
    chain = render_host(network(), DATABASE).split("chain in {")[1]
    assert chain.index("ct state established,related accept") < chain.index("}")


def test_a_ruleset_replaces_itself_in_one_transaction() -> None:
    lines = render_host(network(), DATABASE).splitlines()
    assert lines[:3] == ["table inet sg", "delete table inet sg", "table inet sg {"]


def test_acl_entries_count_in_the_order_of_their_numbers_and_end_in_a_drop() -> None:
    acl = Acl(
        "acl-1",
        ("10.0.30.0/24",),
        (
            AclEntry(200, "allow", False, "-1", "0.0.0.0/0"),
            AclEntry(100, "deny", False, "tcp", "10.0.20.0/24", 5432, 5432),
            AclEntry(100, "allow", True, "-1", "0.0.0.0/0"),
        ),
    )
    ruleset = render_router(Network(acls=(acl,)))
    inward = ruleset.split("chain acl0_in {")[1].split("}")[0].split("\n")
    assert [line.strip() for line in inward if line.strip()] == [
        "ip saddr 10.0.20.0/24 tcp dport 5432 drop",
        "ip saddr 0.0.0.0/0 return",
        "drop",
    ]
    assert "ip daddr 10.0.30.0/24 ip saddr != 10.0.30.0/24 jump acl0_in" in ruleset
    assert "ip saddr 10.0.30.0/24 ip daddr != 10.0.30.0/24 jump acl0_out" in ruleset


def test_the_most_specific_route_wins_and_no_route_is_a_drop() -> None:
    table = RouteTable(
        "rtb-1",
        ("10.0.10.0/24",),
        (Route("0.0.0.0/0", "igw-1"), Route("10.0.0.0/16", "local"), Route("203.0.113.0/24", "blackhole")),
    )
    chain = render_router(Network(route_tables=(table,))).split("chain route0 {")[1].split("}")[0]
    assert [line.strip() for line in chain.splitlines() if line.strip()] == [
        "ip daddr 203.0.113.0/24 drop",
        "ip daddr 10.0.0.0/16 return",
        "ip daddr 0.0.0.0/0 return",
        "drop",
    ]


def test_the_internet_reaches_public_addresses_only() -> None:
    guarded = render_router(Network(public_addresses=frozenset({"10.0.0.9"})))
    assert "ip saddr != 10.0.0.0/16 ip daddr 10.0.0.0/16 ip daddr != { 10.0.0.9 } drop" in guarded
    closed = render_router(Network(public_addresses=frozenset()))
    assert "ip saddr != 10.0.0.0/16 ip daddr 10.0.0.0/16 drop" in closed
