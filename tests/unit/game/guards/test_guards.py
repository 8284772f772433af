"""Each guard's decision, from facts; and its look, where it has to understand an answer."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from chaosgood_ext.errors import BadInput, EnvironmentUnavailable
from chaosgood_ext.game.guards import (
    alert_rules,
    capacity,
    data,
    database_public,
    health_checks,
    load,
    monitoring,
    prober,
    routes,
    tiers,
)
from chaosgood_ext.game.guards.data import Books
from chaosgood_ext.game.guards.database_reach import Reach, compare, merged, sources, try_hosts
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene, Violation
from chaosgood_ext.game.guards.health_checks import HealthCheck, codes
from chaosgood_ext.game.guards.keeper import GUARDS, Keeper
from chaosgood_ext.game.guards.meddling import Meddling
from chaosgood_ext.game.guards.monitoring import Answers
from chaosgood_ext.game.guards.prober import Prober
from chaosgood_ext.record.event import Event, Kind

OWNER = "123456789012"


def networks(*blocks):
    return frozenset(map(ip_network, blocks))


def group(*permissions):
    return [{"GroupId": "sg-1", "OwnerId": OWNER, "IpPermissions": list(permissions)}]


def rule(protocol="tcp", ports=(5432, 5432), **named):
    return {"IpProtocol": protocol, **({"FromPort": ports[0], "ToPort": ports[1]} if ports else {}), **named}


def cidr(block):
    return {"IpRanges": [{"CidrIp": block}]}


CALM = Reach(
    members=networks("10.0.20.4/32", "10.0.40.4/32"),
    homes=networks("10.0.20.0/24", "10.0.40.0/24"),
    inside=networks("10.0.0.0/16"),
    tried={"internet": False, "web-1": False},
)


def reach(*blocks, unknown=(), **tried):
    return Reach(
        networks=networks(*blocks), members=CALM.members, unknown=frozenset(unknown), homes=CALM.homes,
        inside=CALM.inside, tried={**CALM.tried, **tried},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (reach("0.0.0.0/0"), "0.0.0.0/0 (everybody)"),
        (reach("0.0.0.0/1", "128.0.0.0/1"), "0.0.0.0/0 (everybody)"),
        (reach("0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"), "0.0.0.0/0 (everybody)"),
        (reach("::/0"), "::/0 (everybody)"),
        (reach("::/1", "8000::/1"), "::/0 (everybody)"),
        (reach("10.0.0.0/8"), "10.0.0.0/8"),
        (reach("8.8.8.8/32"), "8.8.8.8/32"),
        (reach(unknown=["the prefix list pl-1"]), "the prefix list pl-1"),
        (reach(internet=True), "a packet from the internet"),
    ],
    ids=str,
)
def test_whoever_reaches_the_database_from_outside_is_wrong(now, word):
    (what,) = compare(CALM, now).wrong
    assert word in what


@pytest.mark.parametrize(
    "blocks", [(), ("10.0.20.0/24",), ("10.0.20.4/32",), ("10.0.20.0/25", "10.0.40.0/24")], ids=str
)
def test_the_tiers_that_need_the_database_may_reach_it_by_whatever_rule(blocks):
    assert compare(CALM, reach(*blocks)) == Finding()


@pytest.mark.parametrize("blocks", [("10.0.0.0/16",), ("10.0.0.0/17", "10.0.128.0/17"), ("10.0.10.0/24",)], ids=str)
def test_more_of_the_vpc_than_needed_is_a_repair_and_loose(blocks):
    finding = compare(CALM, reach(*blocks))
    assert not finding.wrong
    assert "more than the tiers that need it" in finding.loose[0]


def test_a_packet_from_another_tier_is_loose():
    assert compare(CALM, reach(**{"web-1": True})).loose == ("a packet from web-1 reaches the database",)


def test_what_was_open_in_the_calm_is_nobodys_cheat():
    assert compare(reach("203.0.113.0/24"), reach("203.0.113.0/24")) == Finding()


@pytest.mark.parametrize(
    ("permission", "blocks"),
    [
        (rule(**cidr("0.0.0.0/0")), ["0.0.0.0/0"]),
        (rule(Ipv6Ranges=[{"CidrIpv6": "::/0"}]), ["::/0"]),
        (rule("-1", None, **cidr("0.0.0.0/0")), ["0.0.0.0/0"]),
        (rule("-1", (-1, -1), **cidr("0.0.0.0/0")), ["0.0.0.0/0"]),
        (rule("6", **cidr("1.2.3.4/32")), ["1.2.3.4/32"]),
        (rule(ports=(0, 65535), **cidr("8.8.8.0/24")), ["8.8.8.0/24"]),
        (rule(ports=(22, 22), **cidr("0.0.0.0/0")), []),
        (rule("udp", **cidr("0.0.0.0/0")), []),
    ],
)
def test_rules_that_cover_the_port_admit_their_sources(permission, blocks):
    assert sources(group(permission), 5432).networks == networks(*blocks)


def test_groups_and_prefix_lists_are_left_to_be_looked_up():
    pairs = [{"GroupId": "sg-2", "UserId": OWNER}, {"GroupId": "sg-3", "UserId": "999999999999"}]
    found = sources(group(rule(UserIdGroupPairs=pairs, PrefixListIds=[{"PrefixListId": "pl-1"}])), 5432)
    assert (found.groups, found.foreign, found.prefix_lists) == ({"sg-2"}, {"sg-3"}, {"pl-1"})


def test_halves_are_the_whole():
    assert merged(networks("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")) == [*map(ip_network, ("0.0.0.0/0", "::/0"))]


CHECK = HealthCheck(True, "HTTP", "traffic-port", "/health", "200", (5, 2, 2, 2))
TARGETS = {"healthy targets of the web tier": 2}
BOOKS = Books({1: (90, 100, 10), 2: (100, 100, 0)}, orders=7, until=7)
RULES = alert_rules.read(
    [{"name": "g", "rules": [{"type": "alerting", "name": "A", "query": "x > 1", "health": "ok"}]}]
)
PROBER = Prober(frozenset({"home", "order"}), "scraping", "settings")


def check(**changes):
    return {"web": HealthCheck(**{**CHECK.__dict__, **changes})}


def rules(**changes):
    return alert_rules.read([{"name": "g", "rules": [{"type": "alerting", "name": "A", "query": "x > 1", **changes}]}])


@pytest.mark.parametrize(
    ("module", "calm", "now", "word"),
    [
        (database_public, False, True, "publicly accessible"),
        (
            capacity,
            TARGETS,
            {"healthy targets of the web tier": 1},
            "healthy targets of the web tier: 1, where there were 2",
        ),
        (capacity, TARGETS, {}, "healthy targets of the web tier: 0,"),
        (
            tiers,
            frozenset({"the database shop", "the host i-1"}),
            frozenset({"the host i-1"}),
            "the database shop is gone",
        ),
        (routes, {"s": frozenset({("0.0.0.0/0", "igw-1")})}, {"s": frozenset()}, "0.0.0.0/0 by igw-1 is gone"),
        (routes, {"s": frozenset({("0.0.0.0/0", "igw-1")})}, {}, "is gone"),
        (health_checks, check(), check(matcher="200-499"), "takes 200-499"),
        (health_checks, check(), check(path="/"), "asks path /, where it asked /health"),
        (health_checks, check(), check(port="22"), "asks port 22"),
        (health_checks, check(), check(protocol="TCP"), "asks protocol TCP"),
        (health_checks, check(), check(enabled=False), "is off"),
        (health_checks, check(), {}, "is gone"),
        (data, BOOKS, Books({1: (95, 100, 10), 2: (100, 100, 0)}, 7, 7), "the stock of product 1 is 95"),
        (data, BOOKS, Books({1: (90, 100, 10)}, 7, 7), "the product 2 is lost"),
        (data, BOOKS, Books({1: (92, 100, 8), 2: (100, 100, 0)}, 5, 7), "2 of 7 orders are lost"),
        (data, BOOKS, Books({}, 0, 7, ("the shop's ledger is none",)), "ledger is none"),
        (alert_rules, RULES, {}, "the rule A is gone"),
        (alert_rules, RULES, rules(query="x > 9"), "the rule A says something else"),
        (alert_rules, RULES, rules(labels={"page": "false"}), "says something else"),
        (prober, PROBER, Prober(PROBER.journeys, "another", "settings"), "another configuration"),
        (prober, PROBER, Prober(PROBER.journeys, "scraping", "others"), "other settings"),
        (prober, PROBER, Prober(frozenset({"home"}), "scraping", "settings", meddled=True), "says nothing of order"),
        (monitoring, Answers(), Answers(("Prometheus",), meddled=True), "Prometheus was stopped"),
        (load, "", "the load was ended by SIGKILL", "SIGKILL"),
    ],
)
def test_what_a_guard_finds_wrong(module, calm, now, word):
    (what,) = module.compare(calm, now).wrong
    assert word in what


@pytest.mark.parametrize(
    ("module", "calm", "now"),
    [
        (database_public, True, True),
        (capacity, TARGETS, {"healthy targets of the web tier": 3}),
        (tiers, frozenset({"a"}), frozenset({"a", "b"})),
        (routes, {"s": frozenset()}, {"s": frozenset({("0.0.0.0/0", "igw-1")}), "t": frozenset()}),
        (health_checks, check(matcher="200-299"), check(matcher="200,204")),
        (data, BOOKS, Books({1: (1085, 1100, 15), 2: (100, 100, 0)}, 7, 7)),
        (alert_rules, RULES, {**rules(health="err", lastError="e"), "g: alerting B": "new"}),
        # Nobody touched the monitoring host: what is silent may be the machine's own trouble.
        (prober, PROBER, Prober(frozenset(), "scraping", "settings")),
        (prober, PROBER, Prober(PROBER.journeys, "scraping", "")),
        (monitoring, Answers(), Answers(("Prometheus", "Alertmanager"), meddled=False)),
        (load, "", ""),
    ],
)
def test_what_is_no_cheat(module, calm, now):
    assert module.compare(calm, now).wrong == ()


def test_a_more_patient_health_check_is_loose_and_a_stricter_one_is_not():
    strict, patient = check(), check(pace=(300, 2, 2, 10))
    told = "the health check of web takes 2702 s to find a target that does not answer, where it took 7 s"
    assert health_checks.compare(strict, patient) == Finding(loose=(told,))
    assert health_checks.compare(patient, strict) == Finding()


def test_matchers_are_read_as_elb_does():
    assert codes("200") == {200}
    assert codes("200,301-303") == {200, 301, 302, 303}
    assert codes("") == frozenset()


def event(kind, **content):
    now = datetime.now(UTC)
    return Event(kind, "source", now, now, data=content)


CALL = {"who": "player", "read_only": False, "error": None, "parameters": {"instancesSet": ["i-7"]}}


@pytest.mark.parametrize(
    ("heard", "seen"),
    [
        (event(Kind.COMMAND, host="ip-10-0-40-4", command="ls"), True),
        (event(Kind.COMMAND, host="ip-10-0-40-4.ec2.internal", command="ls"), True),
        (event(Kind.COMMAND, host="ip-10-0-42-4", command="ls"), False),
        (event(Kind.AWS_CALL, **CALL), True),
        (event(Kind.AWS_CALL, **{**CALL, "read_only": True}), False),
        (event(Kind.AWS_CALL, **{**CALL, "error": "UnauthorizedOperation"}), False),
        (event(Kind.AWS_CALL, **{**CALL, "who": "injector"}), False),
        (event(Kind.AWS_CALL, **{**CALL, "parameters": {"groupId": "sg-1"}}), False),
    ],
)
def test_meddling_is_what_the_responder_does_on_the_monitoring_host_or_to_it(heard, seen):
    meddling = Meddling("i-7", "ip-10-0-40-4")
    meddling.hear(heard)
    assert meddling.seen is seen


def test_a_guard_without_an_answer_hides_no_other_and_is_named():
    answers = iter(["calm"])

    def silent(_scene, _calm):
        try:
            return next(answers)
        except StopIteration:
            raise EnvironmentUnavailable("nobody is there") from None

    def differs(calm, now):
        return Finding() if calm == now else Finding((f"{calm} became {now}",), ("a bit",))

    numbers = iter([1, 2, 3])
    counted = Guard("counted", "p", lambda *_: next(numbers), differs, lambda _: "h")
    served = Guard("served", "p", lambda *_: next(numbers), differs, lambda _: "h", only_when_served=True)
    keeper = Keeper(None, [Guard("silent", "p", silent, differs, lambda _: "h"), counted, served])
    found = keeper.check(served=False)
    assert found.violations == (Violation("counted", "1 became 3"),)
    assert found.loose == (("counted", "a bit"),)
    assert found.unanswered == (("silent", "nobody is there"),)


def test_guards_have_names_of_their_own():
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) == 11


def test_packets_are_not_tried_from_a_host_that_is_dead_or_gone():
    class Twin:
        def argv_in(self, host, command, *, logged):
            if host == "web-1":
                raise EnvironmentUnavailable("web-1 is not connected.")
            if host == "workstation":
                raise BadInput("There is no host workstation.")
            return ["true"]

    assert try_hosts(Scene(*[None] * 5, twin=Twin()), "10.0.30.4", 5432) == {"internet": True}
