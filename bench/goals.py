"""Goals of benchmarks: how they are written in tables, what is said of a value, and the JSON."""

import json
import statistics
from dataclasses import asdict, dataclass

# The best first. "not yet": the goal is ahead, and what must hold meanwhile does.
VERDICTS = ("stretch", "met", "not yet", "MISSED")


@dataclass(frozen=True)
class Goal:
    """At most `must`, or at least. Until it is met `floor` must hold, where there is one: 0 where
    nothing is asked yet."""
    must: float
    at_least: bool = False
    name: str = ""  # as in T3
    floor: float | None = None
    stretch: float | None = None
    peer: str = ""  # the value is a ratio to that peer's figure
    figure: str = ""  # to another one than that of the row
    every: bool = False  # round must meet it, not the median

    def counts(self, values):
        """What is judged of the rounds' values."""
        if self.every:
            return min(values) if self.at_least else max(values)
        return statistics.median(values)

    def verdict(self, value):
        limits = (self.stretch, self.must, self.floor)
        return next((verdict for verdict, limit in zip(VERDICTS, limits)
                     if limit is not None and self._holds(value, limit)), VERDICTS[-1])

    def _holds(self, value, limit):
        return value >= limit if self.at_least else value <= limit

    def text(self, of=""):
        """`of`: what the value is a ratio to."""
        parts = [self.name, ">=" if self.at_least else "<=", f"{self.must:g}", of and f"of {of}",
                 f"(floor {self.floor:g})" if self.floor else ""]
        return " ".join(filter(None, parts))


def as_json(goal, what, value):
    told = {name: content for name, content in asdict(goal).items() if content not in (None, "")}
    return {"what": what, "value": value, **told, "verdict": goal.verdict(value)}


def broken(judged):
    """Whether one is missed of what as_json made."""
    return any(goal["verdict"] == VERDICTS[-1] for goal in judged)


def shown(value):
    """With three digits that say something."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def with_spread(values, middle):
    """The median, and the lowest and the highest where there are several rounds."""
    if len(values) == 1:
        return shown(middle)
    return f"{shown(middle)} ({shown(min(values))}-{shown(max(values))})"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
