"""Cables and routes: the sandbox's own network namespace is the router, each host hangs on a veth pair.

Every host has its address as a /32 behind the router, never on a bridge: to an address that is gone there
is a blackhole route, hence silence, as in a VPC.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import socket
import struct
import threading
from pathlib import Path

from chaosgood_ext.errors import CommandError
from chaosgood_ext.twin.fabric.firewall import Network, render_host, render_router
from chaosgood_ext.twin.run import Runner, run

GATEWAY = "169.254.1.1"
RESOLVERS = ("10.0.0.2", "169.254.169.253")
"""The Amazon DNS server's addresses inside a VPC whose CIDR block is 10.0.0.0/16."""
METADATA = "169.254.169.254"
"""The instance metadata service's address."""

_SIOCGIFFLAGS, _IFF_RUNNING = 0x8913, 0x40


class Fabric:
    """Builds the router, plugs hosts in and loads rulesets; only rulesets that changed are loaded."""

    def __init__(self, vpc_cidr: str, runner: Runner = run) -> None:
        self._run = runner
        self._loaded: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._cables: dict[int, str] = {}
        self._lock = threading.Lock()
        self.build_router(vpc_cidr)

    def build_router(self, vpc_cidr: str) -> None:
        """Bring up loopback with the resolver's addresses, and the blackhole behind every host."""
        addresses = "".join(f"addr add {address}/32 dev lo\n" for address in (*RESOLVERS, METADATA))
        self._run(
            ["ip", "-batch", "-"],
            input=f"link set lo up\n{addresses}route add blackhole {vpc_cidr} metric 9999\n",
        )
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def plug(self, pid: int, address: str) -> None:
        """Give the host whose first process is `pid` its only interface, eth0, with `address`."""
        cable = self._cables[pid] = f"host{next(self._numbers)}"
        self._run(
            ["ip", "-batch", "-"],
            input=(
                f"link add {cable} type veth peer name eth0 netns {pid}\n"
                f"addr add {GATEWAY}/32 dev {cable}\n"
                f"link set {cable} up\n"
                f"route add {address}/32 dev {cable}\n"
            ),
        )
        self._run(
            ["nsenter", "-t", str(pid), "-n", "ip", "-batch", "-"],
            input=(
                f"link set lo up\naddr add {address}/32 dev eth0\nlink set eth0 up\n"
                f"route add {GATEWAY} dev eth0\nroute add default via {GATEWAY} src {address}\n"
            ),
        )

    def unplug(self, pid: int) -> None:
        """Take the host's cable away, so that from now on its address is silence; a second call does nothing."""
        with self._lock:  # the number may come to stand for another process
            self._loaded = {key: rules for key, rules in self._loaded.items() if not key.endswith(f"/{pid}")}
        if cable := self._cables.pop(pid, ""):
            with contextlib.suppress(CommandError):  # it went with the host's namespace
                self._run(["ip", "link", "delete", cable])

    def has_carrier(self, pid: int) -> bool:
        """Whether the interface of the host at the other end of the cable is up (netdevice(7): IFF_RUNNING)."""
        cable = self._cables.get(pid, "")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
            answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sh14x", cable.encode(), 0))
            return bool(struct.unpack("16sh14x", answer)[1] & _IFF_RUNNING)
        return False

    def guard_host(self, network: Network, name: str, pid: int, address: str) -> None:
        """Load the host's security groups into its namespace; `name` tells a host from a successor."""
        self._load(
            f"{name}/{pid}",
            ["nsenter", "-t", str(pid), "-n", "nft", "-f", "-"],
            render_host(network, address),
        )

    def guard_router(self, network: Network) -> None:
        """Load network ACLs and routes into the router."""
        self._load("router", ["nft", "-f", "-"], render_router(network))

    def _load(self, key: str, argv: list[str], ruleset: str) -> None:
        with self._lock:
            if self._loaded.get(key) == ruleset:
                return
        self._run(argv, input=ruleset)
        with self._lock:
            self._loaded[key] = ruleset
