"""Medians, ratios, verdicts and the Markdown table of the rounds of a benchmark."""

import statistics
from dataclasses import dataclass

import goals

OURS = "hawser"
TITLES = {"direct": "direct TCP", OURS: "Hawser", "reference": "Konnectivity",
          "haproxy": "haproxy pair", "stunnel": "stunnel pair"}
# What a ratio is of, beside figures of our own.
OF = {**TITLES, OURS: "alone"}
# These forward a port: their dials end there and say nothing about the target.
FORWARDERS = ("haproxy", "stunnel")


@dataclass(frozen=True)
class Row:
    title: str
    figure: str
    unit: str = ""
    factor: float = 1  # to the unit
    goals: tuple = ()


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

    def __init__(self, rounds, rows):
        self.rounds = rounds
        self._rows = rows

    def values(self, peer, figure):
        return [taken[peer][figure] for taken in self.rounds if figure in taken.get(peer, {})]

    def median(self, peer, figure):
        return statistics.median(self.values(peer, figure))

    def ratios(self, figure, peer, its_figure=""):
        """Each round's ratio of our figure to the peer's."""
        its_figure = its_figure or figure
        if peer in FORWARDERS and ".dial_us." in figure:
            return []
        return [taken[OURS][figure] / taken[peer][its_figure] for taken in self.rounds
                if figure in taken.get(OURS, {}) and taken.get(peer, {}).get(its_figure)]

    def judged(self, row, goal):
        """The value that counts; None where it was not measured."""
        values = (self.ratios(row.figure, goal.peer, goal.figure) if goal.peer else
                  [value * row.factor for value in self.values(OURS, row.figure)])
        return goal.counts(values) if values else None

    def as_json(self, **more):
        judged = [(goal, _what(row), self.judged(row, goal))
                  for row in self._rows for goal in row.goals]
        return {**more, "rounds": self.rounds,
                "goals": [goals.as_json(*each) for each in judged if each[-1] is not None]}

    def table(self, verdicts=True):
        """Markdown: median (lowest-highest) of each peer, the ratio of ours to it, and what is said
        of the goals' values."""
        peers = [peer for peer in TITLES if any(peer in taken for taken in self.rounds)]
        titles = ["figure"]
        for peer in peers:
            titles += [TITLES[peer]] + ["ratio"] * _is_compared(peer)
        lines = [_line(titles + ["goal", "verdict"]), "|---" * (len(titles) + 2) + "|"]
        for row in self._rows:
            cells = [_what(row)]
            for peer in peers:
                cells.append(_cell([value * row.factor for value in self.values(peer, row.figure)]))
                if _is_compared(peer):
                    cells.append(_cell(self.ratios(row.figure, peer)))
            if any(cells[1:]):
                lines.append(_line(cells + self._goal_cells(row, verdicts)))
        return "\n".join(lines)

    def _goal_cells(self, row, verdicts):
        def said(goal):
            value = self.judged(row, goal)
            if value is None:
                return "not measured"
            return f"{goal.verdict(value)}, {goals.shown(value)}"
        return ["; ".join(goal.text(OF.get(goal.peer, "")) for goal in row.goals),
                "; ".join(said(goal) for goal in row.goals if verdicts)]


def _is_compared(peer):
    return peer not in ("direct", OURS)


def _what(row):
    return f"{row.title}, {row.unit}" if row.unit else row.title


def _cell(values):
    return goals.with_spread(values, statistics.median(values)) if any(values) else ""


def _line(cells):
    return f"| {' | '.join(cells)} |"
