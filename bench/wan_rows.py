"""The table of a run over long links: its rows and their goals."""

from goals import Goal
from report import Row

AGES = {"new": "new link", "old": "link of 20 s", "tuned": "64 MiB of tcp_wmem",
        "library": "new link, client library", "switched": "new link, agent of Konnectivity"}


def connections_text(count, direction):
    return f"{count} connection{'s' * (count > 1)}, {direction}"


def w1(trip, age, direction, count):
    # With buffers as large as that Konnectivity fills much of the link. Its agent sends as it does
    # to its own server.
    must, stretch = (1.0, 1.7) if count == 1 or age in ("tuned", "switched") else (1.9, 3.0)
    # The library against Konnectivity's CONNECT: what the way through gRPC costs counts.
    other = (f"w1.{trip}ms.new.{direction}.{count}.gbit_per_second"
             if age in ("library", "switched") else "")
    return Row(f"{trip} ms, {AGES[age]}, {connections_text(count, direction)}",
               f"w1.{trip}ms.{age}.{direction}.{count}.gbit_per_second", "Gbit/s",
               goals=(Goal(must, True, "W1", stretch=stretch, peer="reference", figure=other),))


def w2(count):
    # Of four connections, and not due yet. rathole is no peer here: the haproxy pair, which has a
    # TCP connection for each client as well, stands for it.
    due = (Goal(3.4, True, "W2", floor=0, stretch=4, peer="reference"),
           Goal(0.9, True, "W2", floor=0, stretch=1.1, peer="haproxy"))
    return Row(f"50 ms, 1 % loss, {connections_text(count, 'down')}",
               f"w2.down.{count}.gbit_per_second", "Gbit/s", goals=due if count == 4 else ())


def w3(bulk):
    # What is above the round trip of 10 ms: at most 15 ms.
    beside = (Goal(25, name="W3", stretch=13),)
    return Row(f"200 Mbit/s, 10 ms, echo p50 beside {bulk} download{'s' * (bulk != 1)}",
               f"w3.beside.{bulk}.echo_us.p50", "ms", 1e-3, beside if bulk else ())


def w4(what, figure, must, stretch):
    return Row(f"50 ms, {what}", f"w4.{figure}.p50", "round trips", 1 / 50_000,
               (Goal(must, name="W4", stretch=stretch),))


ROWS = (
    *(w1(trip, age, direction, count)
      for trip in (50, 150) for count in (1, 4) for age in AGES for direction in ("down", "up")
      if trip == 50 or age != "library"),
    *(w2(count) for count in (1, 4)),
    *(w3(bulk) for bulk in (0, 1, 8, 64)),
    w4("dial p50", "dial.dial_us", 1.05, 1.02),
    w4("dial + first answer p50, CONNECT", "dial.dial_echo_us", 2.1, 2.04),
    w4("dial + first answer p50, request behind the CONNECT", "early.dial_echo_us", 1.1, 1.04),
    w4("dial + first answer p50, client library", "client.dial_echo_us", 1.1, 1.04),
)
