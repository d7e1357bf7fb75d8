"""Medians, ratios, the table and the floors of a benchmark run."""

import statistics
from dataclasses import dataclass

OURS = "hawser"
MAX_DRIFT = 0.2  # of the direct connection, (max - min) / median
# Without CONNECT a dial ends at the proxy's own port and says nothing about the target.
UNCOMPARABLE = "dial.dial_us."
BASELINE = "down_1.gbit_per_second"

# (title, figure, unit, factor to the unit)
ROWS = (
    *((f"throughput, {count} connection{'s' * (count > 1)}, {direction}",
       f"{direction}_{count}.gbit_per_second", "Gbit/s", 1)
      for count in (1, 8) for direction in ("down", "up")),
    *((f"CPU of both ends, {count} connection{'s' * (count > 1)}, {direction}",
       f"{direction}_{count}.cpu_seconds_per_gib", "s/GiB", 1)
      for count in (1, 8) for direction in ("down", "up")),
    ("dial p50", "dial.dial_us.p50", "us", 1),
    ("dial p99", "dial.dial_us.p99", "us", 1),
    ("dial + echo p50", "dial.dial_echo_us.p50", "us", 1),
    ("dial + echo p99", "dial.dial_echo_us.p99", "us", 1),
    ("echo p50", "echo.echo_us.p50", "us", 1),
    ("echo p99", "echo.echo_us.p99", "us", 1),
    ("connections/s, 16 in parallel", "rate.connections_per_second", "/s", 1),
    ("idle connection, hub or client's end", "idle.idle_bytes.0", "kB", 1e-3),
    ("idle connection, agent or server's end", "idle.idle_bytes.1", "kB", 1e-3),
    *((f"{title} beside {unread} unread", f"{key}_beside_{unread}.{leaf}", unit, 1)
      for unread in (1, 100)
      for title, key, leaf, unit in (
          ("throughput, 1 connection, down,", "down_1", "gbit_per_second", "Gbit/s"),
          ("dial p99", "dial", "dial_us.p99", "us"))),
)


@dataclass
class Floor:
    what: str
    value: float
    limit: float
    at_least: bool

    @property
    def holds(self):
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self):
        sign = ">=" if self.at_least else "<="
        return (f"{'pass' if self.holds else 'FAIL'}  {self.what}: {self.value:.3f} "
                f"({sign} {self.limit})")


def flatten(prefix, value):
    """{"dial": {"dial_us": {"p50": 1}}} -> {"dial.dial_us.p50": 1}"""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {prefix: value}
    return {key: leaf for name, part in items
            for key, leaf in flatten(f"{prefix}.{name}", part).items()}


class Results:
    """`rounds`: one {peer: {figure: value}} per round."""

    def __init__(self, rounds):
        self._rounds = rounds

    def values(self, peer, figure):
        return [taken[peer][figure] for taken in self._rounds if figure in taken.get(peer, {})]

    def median(self, peer, figure):
        return statistics.median(self.values(peer, figure))

    def ratio(self, figure, peer, own_figure=None):
        """The median of each round's ratio of ours to the peer's figure."""
        ours = self.values(OURS, own_figure or figure)
        return statistics.median(a / b for a, b in zip(ours, self.values(peer, figure)) if b)

    def drift(self):
        direct = self.values("direct", BASELINE)
        return (max(direct) - min(direct)) / statistics.median(direct)

    def is_steady(self):
        return self.drift() <= MAX_DRIFT

    def floors(self):
        for count in (1, 8):
            for direction in ("down", "up"):
                key = f"{direction}_{count}"
                yield Floor(f"throughput / haproxy, {count}, {direction}",
                            self.ratio(f"{key}.gbit_per_second", "haproxy"), 0.8, True)
                yield Floor(f"CPU per GiB / haproxy, {count}, {direction}",
                            self.ratio(f"{key}.cpu_seconds_per_gib", "haproxy"), 1.0, False)
        yield Floor("dial + echo p50 / haproxy",
                    self.ratio("dial.dial_echo_us.p50", "haproxy"), 0.4, False)
        yield Floor("throughput beside 100 unread / alone",
                    self.ratio(BASELINE, OURS, "down_1_beside_100.gbit_per_second"), 0.9, True)
        yield Floor("dial p99 beside 100 unread / alone",
                    self.ratio("dial.dial_us.p99", OURS, "dial_beside_100.dial_us.p99"), 2, False)
        for end, name in enumerate(("hub", "agent")):
            yield Floor(f"kB per idle connection at the {name}",
                        self.median(OURS, f"idle.idle_bytes.{end}") / 1000, 4, False)

    def floors_hold(self):
        return all(floor.holds for floor in self.floors())

    def floors_text(self):
        return "\n".join(str(floor) for floor in self.floors())

    def table(self):
        """Markdown: median (lowest-highest) of each peer, and ours in proportion to it."""
        lines = ["| figure | direct TCP | Hawser | haproxy pair | ratio | stunnel pair | ratio |",
                 "|---|---|---|---|---|---|---|"]
        for title, figure, unit, factor in ROWS:
            cells = [self._cell("direct", figure, factor), self._cell(OURS, figure, factor)]
            for peer in ("haproxy", "stunnel"):
                cells.append(self._cell(peer, figure, factor))
                comparable = cells[-1] and not figure.startswith(UNCOMPARABLE)
                cells.append(f"{self.ratio(figure, peer):.2f}" if comparable else "")
            lines.append(f"| {title}, {unit} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def _cell(self, peer, figure, factor):
        values = [value * factor for value in self.values(peer, figure)]
        if not any(values):
            return ""
        shown = [f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
                 for value in (statistics.median(values), min(values), max(values))]
        return f"{shown[0]} ({shown[1]}-{shown[2]})"

    def as_json(self):
        return {"steady": self.is_steady(), "drift": self.drift(),
                "floors": [{"what": floor.what, "value": floor.value, "limit": floor.limit,
                            "holds": floor.holds} for floor in self.floors()],
                "rounds": self._rounds}
