"""Names inside the VPC lead to what the control plane says."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.twin import dns
from chaosgood_ext.twin.services.dns import records_of
from chaosgood_ext.twin.services.elb_state import describe_balancers

Built = Any


def test_instances_have_names_made_of_their_addresses(built: Built) -> None:
    records = records_of(built.state)
    instance = built.client("ec2").describe_instances(InstanceIds=[built.resources["monitoring_instance_id"]])
    address = instance["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    assert records[f"ip-{address.replace('.', '-')}.ec2.internal"] == dns.A((address,))
    assert records["monitoring.chaosgood.internal"] == dns.A((address,))


def test_the_private_zone_leads_to_load_balancers_and_database(built: Built) -> None:
    addresses = {balancer.tier: balancer.address for balancer in describe_balancers(built.state)}
    records = records_of(built.state)
    for name, tier in (("shop", "edge"), ("app", "internal")):
        alias = records[f"{name}.chaosgood.internal"]
        assert isinstance(alias, dns.CNAME)
        assert records[alias.name] == dns.A((addresses[tier],))
    assert records["database.chaosgood.internal"] == dns.CNAME(built.resources["database_endpoint"])


def test_instances_of_a_cloud_map_service_are_srv_records(built: Built) -> None:
    discovery = built.client("servicediscovery")
    (service,) = discovery.list_services()["Services"]
    discovery.register_instance(
        ServiceId=service["Id"],
        InstanceId="task1",
        Attributes={"AWS_INSTANCE_IPV4": "10.0.20.5", "AWS_INSTANCE_PORT": "32768"},
    )
    records = records_of(built.state)
    assert records["shop.tasks.chaosgood.internal"] == dns.SRV((("task1.shop.tasks.chaosgood.internal", 32768),))
    assert records["task1.shop.tasks.chaosgood.internal"] == dns.A(("10.0.20.5",))
    discovery.deregister_instance(ServiceId=service["Id"], InstanceId="task1")
    assert "shop.tasks.chaosgood.internal" not in records_of(built.state)
