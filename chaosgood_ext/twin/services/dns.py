"""Names inside the VPC: instances, load balancers, databases, the private hosted zone and Cloud Map's services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin import dns
from chaosgood_ext.twin.services import interfaces

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap

Named = tuple[str, dns.Record]


class Dns:
    """Hands the resolver all records whenever they differ from the last ones."""

    name = "dns"

    def __init__(self, tap: Tap, state: State, resolver: dns.Resolver) -> None:
        self._tap = tap
        self._state = state
        self._resolver = resolver
        self._set: dict[str, dns.Record] = {}

    def reconcile(self) -> bool:
        """See `Controller`."""
        with self._tap.lock:
            records = records_of(self._state)
        if records != self._set:
            self._resolver.set_records(records)
            self._set = records
        return False


def records_of(state: State) -> dict[str, dns.Record]:
    """Read every name that resolves inside the VPC; hold the tap's lock."""
    return dict([*_instances(state), *_load_balancers(state), *_databases(state), *_zones(state), *_services(state)])


def _instances(state: State) -> Iterator[Named]:
    for eni in state.ec2.enis.values():
        if eni.instance is not None and eni.private_ip_address:
            yield eni.instance.private_dns_name, dns.A((str(eni.private_ip_address),))


def _load_balancers(state: State) -> Iterator[Named]:
    for balancer in state.elbv2.load_balancers.values():
        yield balancer.dns_name, dns.A((str(interfaces.of_balancer(state, balancer).private_ip_address),))


def _databases(state: State) -> Iterator[Named]:
    for database in state.rds.databases.values():
        yield database.address, dns.A((str(interfaces.of_database(state, database).private_ip_address),))


def _zones(state: State) -> Iterator[Named]:
    for zone in state.route53.zones.values():
        for record_set in zone.rrsets:
            record = _record(record_set)
            if record is not None:
                yield record_set.name.rstrip("."), record


def _record(record_set: Any) -> dns.Record | None:
    if record_set.alias_target:
        return dns.CNAME(record_set.alias_target["DNSName"].rstrip("."))
    values = [value["Value"] if isinstance(value, dict) else value for value in record_set.records or []]
    match record_set.type:
        case "A":
            return dns.A(tuple(values))
        case "CNAME":
            return dns.CNAME(values[0].rstrip("."))
        case "SRV":
            fields = [value.split() for value in values]
            return dns.SRV(tuple((target.rstrip("."), int(port)) for _, _, port, target in fields))
    return None


def _services(state: State) -> Iterator[Named]:
    """SRV records as Cloud Map writes them: each instance has a name of its own below the service's.

    Source: `DnsRecord` in the AWS Cloud Map API reference.
    """
    targets: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for service in state.servicediscovery.services.values():
        name = f"{service.name}.{state.servicediscovery.namespaces[service.namespace_id].name}"
        for instance in service.instances:
            own = f"{instance.instance_id}.{name}"
            yield own, dns.A((instance.attributes["AWS_INSTANCE_IPV4"],))
            targets[name].append((own, int(instance.attributes.get("AWS_INSTANCE_PORT", 0))))
    for name, found in targets.items():
        yield name, dns.SRV(tuple(sorted(found)))
