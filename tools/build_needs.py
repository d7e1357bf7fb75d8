"""What make targets use of the system: headers, libraries, programs and Python modules, by path."""

import dataclasses
import functools
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Where Debian's packages put modules for python3.
PYTHON_MODULES = pathlib.Path("/usr/lib/python3/dist-packages")
# The separator of columns is one that no label has.
LIST = """source tools/targets.sh
for target in "${!groups[@]}"; do
  for group in ${groups[$target]}; do all+=" ${packages[$group]}"; done
  echo "$target|${groups[$target]}|"$all"|"${builds[$target]}
  all=
done"""


@dataclasses.dataclass(frozen=True)
class Target:
    """One row of tools/targets.sh."""
    name: str
    groups: tuple
    packages: tuple
    builds: list

    def with_builds(self, builds):
        return dataclasses.replace(self, builds=builds)

    def with_packages(self, packages):
        return dataclasses.replace(self, packages=tuple(packages))


def targets():
    """{name: Target}"""
    listed = subprocess.run(["bash", "-c", LIST], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout
    rows = (line.split("|") for line in listed.splitlines())
    return {name: Target(name, tuple(groups.split()), tuple(packages.split()), builds.split())
            for name, groups, packages, builds in rows}


def makefile_recipes():
    """{target: recipe, its lines joined}"""
    text = (ROOT / "Makefile").read_text().replace("\\\n", "")
    return dict(re.findall(r"^([a-z0-9-]+):.*\n((?:\t.*\n)+)", text, re.M))


@functools.cache
def _rules(builds):
    """The rules and files behind labels, as Bazel's XML elements; none when there are none."""
    if not builds:
        return []
    said = subprocess.run(
        ["tools/bazel.sh", "query", "--noimplicit_deps", "--output=xml",
         f"deps(set({' '.join(builds)}))"], cwd=ROOT, check=True, capture_output=True).stdout
    # Bazel writes XML 1.1, which Python's parser does not know; it uses nothing of it.
    said = said.replace(b'version="1.1"', b'version="1.0"', 1)
    return list(xml.etree.ElementTree.fromstring(said))


def _elements(target):
    return _rules(tuple(target.builds))


def test_rules(target):
    """The labels of tests, and of what only tests may use, behind what is built."""
    for element in _elements(target):
        testonly = element.find("boolean[@name='testonly'][@value='true']") is not None
        if testonly or re.search("_test$|^test_suite$", element.get("class", "")):
            yield element.get("name")


def _sources(target):
    """The source files of ours that are compiled or run by Bazel."""
    for element in _elements(target):
        name = element.get("name")
        if element.tag == "source-file" and name.startswith("//"):
            yield ROOT / name.removeprefix("//").replace(":", "/")


@functools.cache
def _include_folders():
    said = subprocess.run(["g++", "-xc++", "-E", "-v", "/dev/null"], capture_output=True, text=True,
                          check=True).stderr
    listed = re.search(r"#include <\.\.\.> search starts here:\n(.*?)End of search", said, re.S)
    return [pathlib.Path(line.strip()).resolve() for line in listed[1].splitlines()]


@functools.cache
def _header(name):
    """Where the compiler finds a header of the system; None for ours."""
    found = (folder / name for folder in _include_folders())
    return next((str(path) for path in found if path.exists()), None)


def _headers(path):
    for name in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.M):
        if not (ROOT / name).exists() and not name.endswith(".pb.h"):
            yield _header(name) or f"/usr/include/{name}"


def _libraries(element):
    """What the linker opens for -lNAME: the links that come with headers."""
    for option in element.findall("list[@name='linkopts']/string"):
        if option.get("value").startswith("-l"):
            stem = f"lib{option.get('value')[2:]}"
            for pattern in (f"lib/*-linux-*/{stem}.so", f"lib/*-linux-*/{stem}.a"):
                yield from map(str, pathlib.Path("/usr").glob(pattern))


WORD = re.compile(r"(?<![\w./$-])(?:/usr/s?bin/)?[A-Za-z][\w.+-]*(?![\w/=])")
# Words of our scripts that are programs of some package, too, but mean something else there: parts
# of other commands, variables, and what the scripts build for themselves.
NOT_PROGRAMS = {"init", "kubectl", "route", "shutdown", "time", "view", "w", "watch", "zip"}
# What bash does itself.
BUILTIN = {"kill", "printf", "read", "test", "time", "wait"}
# Scripts that name programs and packages without using them.
NAMES_ONLY = {ROOT / "tools/targets.sh", ROOT / "tools/targets_test.py"}


@functools.cache
def _program(word):
    if word in NOT_PROGRAMS:
        return None
    return shutil.which(word, path="/usr/sbin:/usr/bin:/sbin:/bin")


def _programs(text):
    """The programs of the system that a text's words may mean."""
    found = (_program(word.rsplit("/", 1)[-1]) for word in set(WORD.findall(text)) - BUILTIN)
    return {path for path in found if path}


def _shell_needs(text):
    """A superset: each word may be a command, but in comments and quoted texts."""
    code = re.sub(r"(?m)(^|\s)#.*|'[^']*'", "", text)
    return _programs(re.sub(r'"(?:[^"\\]|\\.)*"', _substitutions, code))


def _substitutions(quoted):
    """What a shell runs of a quoted text."""
    return " ".join(re.findall(r"\$\([^)\"]*", quoted[0]))


def _python_needs(text):
    """Programs may be the first of a list of words, and are the first of a command line that is
    run, wherever they may be; modules come with the interpreter or a package."""
    needs = {_program("python3")}
    for name in re.findall(r"[\[(,]\s*f?\"([a-z][\w.+-]*)\"", text):
        if path := _program(name):
            needs.add(path)
    for name in re.findall(r"_run\(f?\"([a-z][\w.+-]*) ", text):
        needs.add(_program(name) or f"/usr/bin/{name}")
    for name in re.findall(r"^\s*(?:import|from) ([a-z_0-9]+)", text, re.M):
        needs |= {str(path) for path in PYTHON_MODULES.glob(name)}
    return needs


def _mentioned(script, text):
    """The scripts of ours that a script runs, sources or imports."""
    for path in re.findall(r"[\w$\"{}%*#./-]*[\w*-]+\.(?:sh|py)\b", text):
        path = re.sub(r"[\"{}]", "", path)
        tail = re.sub(r"^.*\$[\w%/#*-]*?/(?=[\w*-])", "", path) if "$" in path else path
        beside = list(script.parent.glob(tail)) if "$" in path else []
        yield from beside or ROOT.glob(tail.lstrip("/"))
    for name in re.findall(r"^\s*(?:import|from) (\w+)", text, re.M):
        for folder in (script.parent, ROOT / "charts"):
            if (folder / f"{name}.py").exists():
                yield folder / f"{name}.py"


def _scripts(target):
    """The scripts that a make target runs, and those that they do, with their texts."""
    start = makefile_recipes()[target.name] + (ROOT / ".bazelrc").read_text()
    if target.name == "build":  # which is what these say to begin with
        start += "e2e/quickstart/run.sh" + (ROOT / "examples/README.md").read_text()
    waiting = set(_mentioned(ROOT / "Makefile", start))
    waiting |= {path for path in _sources(target) if path.suffix in (".sh", ".py")}
    texts = {}
    while waiting:
        script = waiting.pop()
        texts[script] = script.read_text()
        waiting |= set(_mentioned(script, texts[script])) - texts.keys() - NAMES_ONLY
        if re.search(r"\bgo\b.* build", texts[script]):
            waiting |= set(script.parent.glob("*.go")) - texts.keys()
    return texts


def needs(target):
    """{path of what is used: one who uses it}"""
    users = {}
    for element in _elements(target):
        label = element.get("name")
        for command in element.findall("string[@name='cmd']"):
            users.update(dict.fromkeys(_programs(command.get("value")), label))
        users.update(dict.fromkeys(_libraries(element), label))
    for path in _sources(target):
        if path.suffix in (".cc", ".h"):
            users.update(dict.fromkeys(_headers(path), path.relative_to(ROOT)))
    for path, text in _scripts(target).items():
        find = _shell_needs if path.suffix == ".sh" else _python_needs
        users.update(dict.fromkeys(find(text), path.relative_to(ROOT)))
    if target.name == "build":
        commands = "".join(re.findall(r"^    .*\n", (ROOT / "README.md").read_text(), re.M))
        users.update(dict.fromkeys(_shell_needs(commands), "README.md"))
    return users
