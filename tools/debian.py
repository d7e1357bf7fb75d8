"""Which Debian package a file is in, and what else a package brings, from dpkg's own records."""

import collections
import functools
import pathlib
import re

DPKG = pathlib.Path("/var/lib/dpkg")


@functools.cache
def _installed():
    """{name: fields} of the installed packages."""
    packages = {}
    for paragraph in (DPKG / "status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)", paragraph, re.M))
        if fields.get("Status", "").endswith(" installed"):
            packages[fields["Package"]] = fields
    return packages


def is_installed(package):
    return package in _installed()


def _names(field):
    """The packages that a field of dependencies or provisions names, alternatives included."""
    return set(re.findall(r"(?:^|[,|]) *([^ :(,|]+)", field))


@functools.cache
def _providers():
    """{name of a package or of what it provides: packages}"""
    providers = collections.defaultdict(set)
    for name, fields in _installed().items():
        for provided in {name} | _names(fields.get("Provides", "")):
            providers[provided].add(name)
    return providers


def _is_everywhere(fields):
    """Whether even the smallest Debian has the package."""
    return fields.get("Essential") == "yes" or fields.get("Priority") == "required"


def closure(packages):
    """The installed ones among `packages`, with what they depend on and what is on every Debian."""
    waiting = set(packages)
    waiting |= {name for name, fields in _installed().items() if _is_everywhere(fields)}
    found = set()
    while waiting:
        for name in _providers().get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                fields = _installed()[name]
                for field in ("Depends", "Pre-Depends"):
                    waiting |= _names(fields.get(field, ""))
    return found


def _canonical(path):
    """One name for files of /bin and of /usr/bin, which are the same."""
    return re.sub(r"^/usr(/s?bin/|/lib)", r"\1", str(path))


@functools.cache
def _files():
    """{path: packages}"""
    files = collections.defaultdict(set)
    for record in (DPKG / "info").glob("*.list"):
        package = record.name.removesuffix(".list").split(":")[0]
        for path in record.read_text().splitlines():
            files[_canonical(path)].add(package)
    return files


def owners(path):
    """The packages that a file is in, by its own name or by what it is a link to; maybe none."""
    for name in (path, pathlib.Path(path).resolve()):
        if found := _files().get(_canonical(name)):
            return set(found)
    return set()
