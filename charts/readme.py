#!/usr/bin/env python3
"""Writes the table of values into the chart's README.md, from the comments in its values.yaml.

usage: readme.py [--check]     --check: says whether it is as it would be written; exits 1 if not
"""
import json
import pathlib
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent / "cluster-proxy"
BEGIN = "<!-- values: written by charts/readme.py -->\n"
END = "<!-- end of values -->\n"


def comment_above(lines, number):
    """The comment that ends above a line, counted from 0, as one line."""
    first = number
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(line.strip().removeprefix("#").strip() for line in lines[first:number])


def described(lines, node, path=()):
    """(path, comment) of each value. A map whose values have no comments is one value."""
    for key, value in node.value:
        inner = (*path, key.value)
        below = list(described(lines, value, inner)) if isinstance(value, yaml.MappingNode) else []
        if any(comment for _, comment in below):
            yield from below
        else:
            yield inner, comment_above(lines, key.start_mark.line)


def table():
    text = (CHART / "values.yaml").read_text()
    rows = ["| value | default | |", "|---|---|---|"]
    for path, comment in described(text.splitlines(), yaml.compose(text)):
        name = ".".join(path)
        if not comment:
            sys.exit(f"readme.py: {name} has no comment in values.yaml")
        default = yaml.safe_load(text)
        for key in path:
            default = default[key]
        default = "" if default is None else f"`{json.dumps(default)}`"
        rows.append(f"| `{name}` | {default} | {comment} |")
    return "\n".join(rows) + "\n"


def main():
    path = CHART / "README.md"
    old = path.read_text()
    before, rest = old.split(BEGIN)
    new = before + BEGIN + table() + END + rest.split(END)[1]
    if sys.argv[1:] == ["--check"]:
        if new != old:
            sys.exit("charts/cluster-proxy/README.md is stale: run charts/readme.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        path.write_text(new)


main()
