"""The resolver answers as the Amazon DNS server does, from the records of this environment only."""

from dnslib import QTYPE, RCODE, DNSRecord

from chaosgood_ext.twin.dns import CNAME, SRV, A, Resolver


def ask(name: str, kind: str = "A") -> DNSRecord:
    resolver = Resolver()
    resolver.set_records(
        {
            "db.example.internal": CNAME("real.rds.amazonaws.com"),
            "Real.rds.amazonaws.com": A(("10.0.30.5",)),
            "shop.tasks.internal": SRV((("real.rds.amazonaws.com", 32768), ("real.rds.amazonaws.com", 32769))),
        }
    )
    return resolver.resolve(DNSRecord.question(name, kind), None)


def test_a_cname_is_followed_to_its_address() -> None:
    answers = [(QTYPE[rr.rtype], str(rr.rdata)) for rr in ask("DB.example.internal.").rr]
    assert answers == [("CNAME", "real.rds.amazonaws.com."), ("A", "10.0.30.5")]


def test_services_carry_their_ports() -> None:
    reply = ask("shop.tasks.internal", "SRV")
    assert [rr.rdata.port for rr in reply.rr] == [32768, 32769]
    assert str(reply.ar[0].rdata) == "10.0.30.5"


def test_an_unknown_name_does_not_exist() -> None:
    assert ask("example.com").header.rcode == RCODE.NXDOMAIN


def test_a_known_name_without_ipv6_is_no_error() -> None:
    reply = ask("real.rds.amazonaws.com", "AAAA")
    assert reply.header.rcode == RCODE.NOERROR
    assert not reply.rr


def test_addresses_have_names() -> None:
    reply = ask("5.30.0.10.in-addr.arpa", "PTR")
    assert str(reply.rr[0].rdata) == "real.rds.amazonaws.com."
