"""The cases: what the files say, what the name servers know, and the name that is looked up.

Each must come out as with Go or with glibc, unless it says itself what is right and why.
"""
from dataclasses import dataclass, field
from typing import Optional

from name_server import AAAA, NODATA, NXDOMAIN, REFUSED, SERVFAIL, SILENCE

FIRST, SECOND, CLOSED, SIX = "127.77.0.53", "127.77.0.54", "127.77.0.55", "fd00:77::53"
ONE, TWO, THREE = "127.77.1.1", "127.77.1.2", "127.77.1.3"
V6 = "fd00:77::1"
MANY = [f"127.77.2.{i}" for i in range(1, 61)]
POD = "search default.svc.cluster.test svc.cluster.test cluster.test corp.test\noptions ndots:5\n"


@dataclass
class Case:
    what: str
    name: str
    known: dict = field(default_factory=dict)  # answers of the first server
    second: Optional[dict] = None  # of the second one; None: the same
    conf: str = ""
    servers: tuple = (FIRST,)
    hosts: str = ""
    domains: dict = field(default_factory=dict)  # answers for all names in a domain
    delay: float = 0
    ours: object = None  # what is right, if neither Go nor glibc do it
    why: str = ""
    within: float = 1.0  # seconds, for ours
    all: bool = False  # not only the first address counts


def by_kind(v4, v6):
    """An answer that depends on the family."""
    return lambda kind: v6 if kind == AAAA else v4


SHORT = "options timeout:1 attempts:1\n"

CASES = [
    # families
    Case("IPv4", "web.test", {"web.test": [ONE]}),
    Case("both families", "web.test", {"web.test": [ONE, V6]}),
    Case("IPv6 alone", "web.test", {"web.test": [V6]}),
    Case("AAAA is never answered", "web.test", {"web.test": by_kind([ONE], SILENCE)}, conf=SHORT,
         ours=[ONE], why="RFC 8305: what there is, after 50 ms", within=0.5),
    Case("A is never answered", "web.test", {"web.test": by_kind(SILENCE, [V6])}, conf=SHORT,
         ours=[V6], why="RFC 8305: what there is, after 50 ms", within=0.5),
    Case("AAAA fails", "web.test", {"web.test": by_kind([ONE], SERVFAIL)}),
    Case("an alias", "web.test", {"web.test": ("alias", "db.test", [ONE])}),
    # search domains and dots
    Case("a service from its pod", "web", {"web.default.svc.cluster.test": [ONE]}, conf=POD),
    Case("a service of another namespace", "web.prod.svc", {"web.prod.svc.cluster.test": [ONE]},
         conf=POD),
    Case("an outside name with ndots:5", "web.example.test", {"web.example.test": [ONE]}, conf=POD),
    Case("fewer dots than ndots", "web.a", {"web.a.one.test": [ONE], "web.a": [TWO]},
         conf="search one.test\noptions ndots:2\n"),
    Case("as many dots as ndots", "web.a.b", {"web.a.b.one.test": [ONE], "web.a.b": [TWO]},
         conf="search one.test\noptions ndots:2\n"),
    Case("enough dots, yet only in a domain", "web.a", {"web.a.one.test": [ONE]},
         conf="search one.test\n"),
    Case("ndots:0", "web", {"web.one.test": [ONE], "web": [TWO]},
         conf="search one.test\noptions ndots:0\n"),
    Case("a domain instead of a search list", "web", {"web.one.test": [ONE]},
         conf="domain one.test\n"),
    Case("the last of two search lists", "web", {"web.one.test": [ONE], "web.two.test": [TWO]},
         conf="search one.test\nsearch two.test\n"),
    Case("a final dot", "web.test.", {"web.test.one.test": [ONE], "web.test": [TWO]},
         conf="search one.test\noptions ndots:5\n"),
    Case("a final dot, only in a domain", "web.test.", {"web.test.one.test": [ONE]},
         conf="search one.test\noptions ndots:5\n"),
    Case("capitals", "Web.TEST", {"web.test": [ONE]}),
    # what is not there
    Case("no such name", "web.test", conf="search one.test\n"),
    Case("a name without addresses", "web.test", {"web.test": NODATA}),
    Case("without addresses in one domain", "web", {"web.one.test": NODATA, "web.two.test": [ONE]},
         conf="search one.test two.test\n"),
    # faults
    Case("SERVFAIL in one domain", "web.test", {"web.test": [ONE]}, conf=POD,
         domains={"corp.test": SERVFAIL}),
    Case("REFUSED in one domain", "web.test", {"web.test": [ONE]}, conf=POD,
         domains={"corp.test": REFUSED}),
    Case("SERVFAIL in the first domain", "web", {"web.two.test": [ONE]},
         conf="search one.test two.test\n", domains={"one.test": SERVFAIL}),
    Case("silence in one domain", "web.test", {"web.test": [ONE]},
         conf="search corp.test\noptions ndots:5 timeout:1 attempts:1\n",
         domains={"corp.test": SILENCE}, within=2.5),
    Case("SERVFAIL in one domain, unknown in all others", "web.test", conf=POD,
         domains={"corp.test": SERVFAIL}, ours="fault",
         why="it may be there once the fault has passed"),
    Case("SERVFAIL", "web.test", {"web.test": SERVFAIL}),
    Case("REFUSED", "web.test", {"web.test": REFUSED}),
    Case("silence", "web.test", {"web.test": SILENCE}, conf=SHORT, within=5.5),
    Case("nobody at the server's port", "web.test", servers=(CLOSED,)),
    # several servers
    Case("nobody at the first one's port", "web.test", {"web.test": [ONE]},
         servers=(CLOSED, FIRST)),
    Case("the first one is silent", "web.test", {"web.test": SILENCE}, {"web.test": [ONE]},
         conf=SHORT, servers=(FIRST, SECOND), within=1.5),
    Case("the first one fails", "web.test", {"web.test": SERVFAIL}, {"web.test": [ONE]},
         servers=(FIRST, SECOND)),
    Case("the first one refuses", "web.test", {"web.test": REFUSED}, {"web.test": [ONE]},
         servers=(FIRST, SECOND)),
    Case("the first one knows of no such name", "web.test", {}, {"web.test": [ONE]},
         servers=(FIRST, SECOND)),
    Case("a server's IPv6 address", "web.test", {"web.test": [ONE]}, servers=(SIX,)),
    Case("an answer after the next question", "web.test", {"web.test": [ONE]}, delay=1.3,
         conf="options timeout:1 attempts:2\n", within=2.0),
    # long answers
    Case("more than fits a datagram", "many.test", {"many.test": MANY}, all=True),
    Case("always over TCP", "web.test", {"web.test": [ONE]}, conf="options use-vc\n"),
    # the hosts file
    Case("in the hosts file", "printer.test", {"printer.test": [TWO]},
         hosts=f"{ONE} Printer.test prn\n"),
    Case("twice in the hosts file", "printer.test",
         hosts=f"{ONE} printer.test\n{TWO} printer.test\n"),
    Case("an alias of the hosts file", "prn", hosts=f"{ONE} printer.test prn\n"),
    Case("in the hosts file, with a final dot", "printer.test.", hosts=f"{ONE} printer.test\n"),
    Case("another line of the same length", "printer.test", hosts=f"{TWO} printer.test prn\n"),
    Case("gone from the hosts file", "printer.test", {"printer.test": [THREE]}),
]
