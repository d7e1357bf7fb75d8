"""Medians, ratios, the table and the goals of a run over long links."""

import statistics
from dataclasses import dataclass

OURS = "hawser"
PEERS = ("direct", OURS, "reference", "haproxy")
TITLES = ("direct TCP", "Hawser", "Konnectivity", "haproxy pair")


def _w1(trip, age, direction, connections):
    return f"w1.{trip}ms.{age}.{direction}.{connections}.gbit_per_second"


AGES = {"new": "new link", "old": "link of 20 s", "tuned": "64 MiB of tcp_wmem"}
W1 = [(trip, age, direction, connections) for trip in (50, 150) for connections in (1, 4)
      for age in AGES for direction in ("down", "up")]
BULK = (0, 1, 8, 64)

# (title, figure, unit, factor to the unit)
ROWS = (
    *((f"{trip} ms, {AGES[age]}, {connections} connection{'s' * (connections > 1)}, {direction}",
       _w1(trip, age, direction, connections), "Gbit/s", 1)
      for trip, age, direction, connections in W1),
    *((f"50 ms, 1 % loss, {connections} connection{'s' * (connections > 1)}, down",
       f"w2.down.{connections}.gbit_per_second", "Gbit/s", 1) for connections in (1, 4)),
    *((f"200 Mbit/s, 10 ms, echo beside {bulk} downloads, p50",
       f"w3.beside.{bulk}.echo_us.p50", "ms", 1e-3) for bulk in BULK),
    ("50 ms, dial p50", "w4.dial.dial_us.p50", "ms", 1e-3),
    ("50 ms, dial + first answer byte p50, CONNECT", "w4.dial.dial_echo_us.p50", "ms", 1e-3),
    ("50 ms, the same, request behind the CONNECT", "w4.early.dial_echo_us.p50", "ms", 1e-3),
    ("50 ms, the same with our client", "w4.client.dial_echo_us.p50", "ms", 1e-3),
)


@dataclass
class Goal:
    what: str
    value: float
    must: float
    stretch: float
    at_least: bool

    def _reaches(self, limit):
        return self.value >= limit if self.at_least else self.value <= limit

    @property
    def met(self):
        return self._reaches(self.must)

    def __str__(self):
        verdict = "stretch" if self._reaches(self.stretch) else "pass" if self.met else "FAIL"
        sign = ">=" if self.at_least else "<="
        return f"{verdict:7} {self.what}: {self.value:.2f} (must {sign} {self.must}, " \
               f"stretch {sign} {self.stretch})"


class Results:
    """`rounds`: one {peer: {figure: value}} per round."""

    def __init__(self, rounds):
        self._rounds = rounds

    def values(self, peer, figure):
        return [taken[peer][figure] for taken in self._rounds if figure in taken.get(peer, {})]

    def ratio(self, figure, peer):
        """The median of each round's ratio of ours to the peer's figure; None without both."""
        ratios = [taken[OURS][figure] / taken[peer][figure] for taken in self._rounds
                  if taken.get(OURS, {}).get(figure) and taken.get(peer, {}).get(figure)]
        return statistics.median(ratios) if ratios else None

    def goals(self):
        """What was measured of the goals."""
        for trip, age, direction, connections in W1:
            ratio = self.ratio(_w1(trip, age, direction, connections), "reference")
            if ratio is not None:
                # With buffers as large as that Konnectivity fills much of the link.
                alone = connections == 1 or age == "tuned"
                must, stretch = (1.0, 1.7) if alone else (1.9, 3.0)
                yield Goal(f"W1 {trip} ms, {age}, {connections}, {direction} / Konnectivity", ratio,
                           must, stretch, True)
        for bulk in BULK[1:]:
            taken = self.values(OURS, f"w3.beside.{bulk}.echo_us.p50")
            if taken:
                yield Goal(f"W3 ms above the round trip beside {bulk}",
                           statistics.median(taken) / 1000 - 10, 15, 3, False)
        for what, figure, must, stretch in (
                ("dial", "w4.dial.dial_us.p50", 1.05, 1.02),
                ("first answer, CONNECT", "w4.dial.dial_echo_us.p50", 2.1, 2.04),
                ("first answer, request behind the CONNECT", "w4.early.dial_echo_us.p50",
                 1.1, 1.04),
                ("first answer, our client", "w4.client.dial_echo_us.p50", 1.1, 1.04)):
            taken = self.values(OURS, figure)
            if taken:
                yield Goal(f"W4 {what}, round trips", statistics.median(taken) / 50_000, must,
                           stretch, False)

    def goals_are_met(self):
        return all(goal.met for goal in self.goals())

    def goals_text(self):
        return "\n".join(map(str, self.goals()))

    def table(self):
        """Markdown: median (lowest-highest) of each peer, and ours in proportion to it."""
        lines = [f"| figure | {' | '.join(TITLES)} | / Konnectivity | / haproxy |",
                 "|---" * (len(TITLES) + 3) + "|"]
        for title, figure, unit, factor in ROWS:
            cells = [self._cell(peer, figure, factor) for peer in PEERS]
            if not any(cells):
                continue
            for peer in ("reference", "haproxy"):
                # Without CONNECT a dial ends at the proxy's own port.
                comparable = peer != "haproxy" or "dial.dial_us" not in figure
                ratio = self.ratio(figure, peer) if comparable else None
                cells.append("" if ratio is None else f"{ratio:.2f}")
            lines.append(f"| {title}, {unit} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def _cell(self, peer, figure, factor):
        values = [value * factor for value in self.values(peer, figure)]
        if not values:
            return ""
        shown = [f"{value:.3f}" if value < 1 else f"{value:.1f}"
                 for value in (statistics.median(values), min(values), max(values))]
        return f"{shown[0]} ({shown[1]}-{shown[2]})"

    def as_json(self):
        return {"goals": [{"what": goal.what, "value": goal.value, "must": goal.must,
                           "stretch": goal.stretch, "met": goal.met} for goal in self.goals()],
                "rounds": self._rounds}
