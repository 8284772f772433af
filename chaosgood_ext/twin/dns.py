"""The VPC's resolver: answers at 10.0.0.2 and 169.254.169.253 from records that the controllers set.

Only names of this environment exist; everything else is NXDOMAIN, since the twin reaches no other network.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dnslib
from dnslib import PTR, QTYPE, RCODE, RR, SOA, DNSHeader, DNSLabel, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

__all__ = ["CNAME", "SRV", "A", "Record", "Resolver"]

TTL_S = 1


@dataclass(frozen=True)
class A:
    """IPv4 addresses."""

    addresses: tuple[str, ...]


@dataclass(frozen=True)
class CNAME:
    """Another name."""

    name: str


@dataclass(frozen=True)
class SRV:
    """Services: (host name, port) pairs."""

    targets: tuple[tuple[str, int], ...]


Record = A | CNAME | SRV


class Resolver(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Answers from the records that were set last; names are case-insensitive and need no trailing dot."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._names: dict[str, str] = {}

    def set_records(self, records: Mapping[str, Record]) -> None:
        """Replace all records at once."""
        self._records = {_key(name): record for name, record in records.items()}
        self._names = {
            address: name
            for name, record in sorted(self._records.items(), reverse=True)
            if isinstance(record, A)
            for address in record.addresses
        }

    def addresses(self, name: str, depth: int = 8) -> tuple[str, ...]:
        """The addresses behind `name`, CNAMEs followed; empty where there are none."""
        record = self._records.get(_key(name))
        if isinstance(record, CNAME) and depth:
            return self.addresses(record.name, depth - 1)
        return record.addresses if isinstance(record, A) else ()

    def serve(self, addresses: Iterable[str]) -> None:
        """Start answering on port 53 of each address, over UDP and TCP."""
        quiet = DNSLogger("-request,-reply,-truncated,-error,-recv,-send,-data")
        for address in addresses:
            for tcp in (False, True):
                server = DNSServer(self, address=address, port=53, tcp=tcp, logger=quiet)
                threading.Thread(target=server.server.serve_forever, name=f"dns-{address}", daemon=True).start()

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:  # noqa: ARG002
        """Answer one request (dnslib's interface)."""
        reply = DNSRecord(DNSHeader(id=request.header.id, qr=1, aa=1, ra=1, rd=request.header.rd), q=request.q)
        name = _key(str(request.q.qname))
        kind = QTYPE[request.q.qtype]
        if kind == "PTR":
            known = self._reverse(name)
            if known:
                reply.add_answer(RR(request.q.qname, QTYPE.PTR, rdata=PTR(known), ttl=TTL_S))
        else:
            known = name if name in self._records else ""
            self._answer(reply, request.q.qname, name, kind)
        if not known:
            reply.header.rcode = RCODE.NXDOMAIN
        if not reply.rr:
            zone = DNSLabel(".".join(name.split(".")[-2:]))
            soa = SOA("ns-0.awsdns-00.com", "awsdns-hostmaster.amazon.com", (1, 7200, 900, 1209600, TTL_S))
            reply.add_auth(RR(zone, QTYPE.SOA, rdata=soa, ttl=TTL_S))
        return reply

    def _answer(self, reply: DNSRecord, label: DNSLabel, name: str, kind: str, depth: int = 8) -> None:
        record = self._records.get(name)
        if isinstance(record, CNAME) and depth:
            reply.add_answer(RR(label, QTYPE.CNAME, rdata=dnslib.CNAME(record.name), ttl=TTL_S))
            self._answer(reply, DNSLabel(record.name), _key(record.name), kind, depth - 1)
        elif isinstance(record, A) and kind in ("A", "ANY"):
            for address in record.addresses:
                reply.add_answer(RR(label, QTYPE.A, rdata=dnslib.A(address), ttl=TTL_S))
        elif isinstance(record, SRV) and kind in ("SRV", "ANY"):
            for target, port in record.targets:
                rdata = dnslib.SRV(priority=1, weight=1, port=port, target=target)
                reply.add_answer(RR(label, QTYPE.SRV, rdata=rdata, ttl=TTL_S))
                for address in self.addresses(target):
                    reply.add_ar(RR(DNSLabel(target), QTYPE.A, rdata=dnslib.A(address), ttl=TTL_S))

    def _reverse(self, name: str) -> str:
        octets = name.removesuffix(".in-addr.arpa").split(".")
        return self._names.get(".".join(reversed(octets)), "")


def _key(name: str) -> str:
    return name.lower().rstrip(".")
