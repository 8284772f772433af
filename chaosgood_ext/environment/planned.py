"""What AWS says of an environment that is as the topology has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaosgood_ext.environment.built import Fact, container_facts, health_check_fact, instances_fact, rule_fact

Topology = Mapping[str, Any]


def planned(wanted: Topology) -> Iterator[Fact]:
    """All facts of an environment that is as `wanted` has it."""
    for part in (_groups, _subnets, _scaling, _instances, _balancers, _targets, _service, _databases, _zone):
        yield from part(wanted)


def _worn(wanted: Topology, tiers: Iterable[str]) -> list[str]:
    return [f"wears the security group {wanted['name']}-{tier}" for tier in tiers]


def _groups(wanted: Topology) -> Iterator[Fact]:
    named = wanted["name"]
    for tier, group in wanted["security_groups"].items():
        thing = f"security group {named}-{tier}"
        yield thing, "exists"
        for direction in ("ingress", "egress"):
            for rule in group[direction]:
                sources = [*rule.get("cidr_blocks", ()), *(f"{named}-{one}" for one in rule.get("security_groups", ()))]
                ports = None if rule["protocol"] == "-1" else (rule["from_port"], rule["to_port"])
                for source in sources:
                    yield thing, rule_fact(direction, rule["protocol"], ports, source, rule["description"])


def _subnets(wanted: Topology) -> Iterator[Fact]:
    for tier in wanted["subnets"]:
        for zone in wanted["availability_zones"]:
            thing = f"subnet {wanted['name']}-{tier}-{zone[-1]}"
            yield thing, f"routes {wanted['vpc']['cidr_block']} to local"
            yield thing, "routes 0.0.0.0/0 to an internet gateway"
            for direction in ("ingress", "egress"):
                yield thing, f"network ACL: {direction} 100 allow all 0.0.0.0/0"


def _scaling(wanted: Topology) -> Iterator[Fact]:
    for tier, group in wanted["auto_scaling_groups"].items():
        thing = f"auto scaling group {wanted['name']}-{tier}"
        yield thing, f"size {group['min_size']} to {group['max_size']}, desired {group['desired_capacity']}"
        yield thing, f"health check {group['health_check_type']}"
        yield from ((thing, f"feeds the target group {wanted['name']}-{one}") for one in group["target_groups"])


def _instances(wanted: Topology) -> Iterator[Fact]:
    scaled = {tier: (group, group["desired_capacity"]) for tier, group in wanted["auto_scaling_groups"].items()}
    single = {tier: (one, 1) for tier, one in wanted["instances"].items()}
    for tier, (one, count) in {**scaled, **single}.items():
        thing = f"instances {wanted['name']}-{tier}"
        yield thing, instances_fact(count, one["instance_type"], "running")
        yield from ((thing, fact) for fact in _worn(wanted, one["security_groups"]))


def _balancers(wanted: Topology) -> Iterator[Fact]:
    named = wanted["name"]
    for tier, one in wanted["load_balancers"].items():
        thing = f"load balancer {named}-{tier}"
        yield thing, "is " + ("internal" if one["internal"] else "internet-facing")
        yield from ((thing, fact) for fact in _worn(wanted, one["security_groups"]))
        yield from ((thing, f"is in {named}-{one['subnet']}-{zone[-1]}") for zone in wanted["availability_zones"])
        listener = one["listener"]
        yield thing, f"{listener['protocol']} {listener['port']} goes to {named}-{listener['target_group']}"


def _targets(wanted: Topology) -> Iterator[Fact]:
    service = wanted["ecs"]["service"]
    for tier, one in wanted["target_groups"].items():
        thing, check = f"target group {wanted['name']}-{tier}", one["health_check"]
        yield thing, health_check_fact(check["path"], check["matcher"], check["interval"], check["timeout"],
            check["healthy_threshold"], check["unhealthy_threshold"])  # fmt: skip
        feeding = (group for group in wanted["auto_scaling_groups"].values() if tier in group["target_groups"])
        tasks = service["desired_count"] if service["target_group"] == tier else 0
        yield thing, f"has {tasks + sum(group['desired_capacity'] for group in feeding)} targets"


def _service(wanted: Topology) -> Iterator[Fact]:
    service, task = wanted["ecs"]["service"], wanted["ecs"]["task_definition"]
    thing = f"ECS service {service['name']}"
    yield thing, f"desired count {service['desired_count']}"
    container = {**task["container"], "cpu": task["cpu"], "memory": task["memory"]}
    yield from ((thing, fact) for fact in container_facts(container, container["environment"]))


def _databases(wanted: Topology) -> Iterator[Fact]:
    for one in wanted["db_instances"].values():
        thing = f"DB instance {one['identifier']}"
        yield thing, f"is {one['instance_class']}, {one['engine']} {one['engine_version']}"
        yield thing, "is available"
        yield thing, "is " + ("public" if one["publicly_accessible"] else "not public")
        yield from ((thing, fact) for fact in _worn(wanted, one["vpc_security_group_ids"]))


def _zone(wanted: Topology) -> Iterator[Fact]:
    zone = wanted["private_zone"]
    yield from ((f"private zone {zone['name']}", f"has {name}.{zone['name']}") for name in zone["records"])
