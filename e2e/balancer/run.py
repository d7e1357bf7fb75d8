"""Does everything in cases.py to one agent each, all at once, and prints what came of it, as a
Markdown table and in out/balancer.json.

usage: run.py FOLDER_OF_BINARIES [--fault SECONDS] [--rounds N] [--only WORD] [--output FILE]
"""
import argparse
import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import cases
from names import Names
from parties import ECHO_PORT, Hub, Ours, Reference, echo

BACK_WITHIN = 30  # seconds after the fault
MOST_PER_MINUTE = 10  # attempts, after the first minute
MOST_IN_FIRST_MINUTE = 20
PROBE_INTERVAL, PROBE_PATIENCE = 0.5, 3  # seconds
IN_A_ROW = 8  # dials that must succeed before an agent counts as back
START_PATIENCE, HEAL_PATIENCE = 30, 60  # seconds
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Lab:
    """What the cases share."""

    def __init__(self, kinds):
        self.names = Names({cases.HUB_NAME: "127.0.0.1"})
        self.next_port = 20000
        self.hubs = {kind.name: Hub(kind, f"{kind.name}-hub", self.free_port()) for kind in kinds}

    def free_port(self):
        self.next_port += 10
        return self.next_port

    def shared_hub(self, kind):
        return self.hubs[kind.name]


class Watch:
    """Dials all the time, and knows when that worked; sees attempts to reach the hub."""

    def __init__(self, case):
        self.case = case
        self.dials = []  # (begin, end, whether it worked), in the order of their beginning
        self.logged = []  # times of attempts, as the agent's log tells them
        self.tasks = {asyncio.create_task(self.run())}

    async def run(self):
        seen = self.count()
        while True:
            task = asyncio.create_task(self.dial())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            await asyncio.sleep(PROBE_INTERVAL)
            if not self.case.countable:
                now = self.count()
                self.logged += [time.monotonic()] * (now - seen)
                seen = now

    def count(self):
        if self.case.countable:
            return 0
        return self.case.agent.process.count(self.case.kind.failed_attempt)

    async def dial(self):
        record = [time.monotonic(), None, False]
        self.dials.append(record)
        record[2] = await self.case.hub.dial(self.case.cluster, PROBE_PATIENCE)
        record[1] = time.monotonic()

    def attempts(self):
        return self.case.balancer.attempts if self.case.countable else self.logged

    def back(self, since):
        """Seconds from `since` to the first of dials in a row that worked; None: not yet."""
        row = []
        for begin, end, worked in self.dials:
            if begin < since:
                continue
            row = row + [end] if worked else []
            if len(row) == IN_A_ROW:
                return row[0] - since
        return None

    async def await_back(self, since, patience):
        deadline = time.monotonic() + patience
        while (back := self.back(since)) is None and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        return back

    def all_worked(self, since):
        return all(worked for begin, end, worked in self.dials if begin > since and end)

    def stop(self):
        for task in list(self.tasks):
            task.cancel()


class Result:
    """Of one round of one case."""

    def __init__(self, began, healed, attempts, back, undisturbed):
        during = [at - began for at in attempts if began <= at < healed]
        self.first_minute = sum(at < 60 for at in during)
        later = [at for at in during if at >= 60]
        self.worst_minute = max((sum(at <= other < at + 60 for other in later) for at in later),
                                default=0) if healed - began >= 120 else None
        self.back = back
        self.undisturbed = undisturbed

    def ok(self, harmless):
        if harmless:
            return self.undisturbed and self.first_minute == 0
        return (
            self.back is not None
            and self.back <= BACK_WITHIN
            and self.first_minute <= MOST_IN_FIRST_MINUTE
            and (self.worst_minute or 0) <= MOST_PER_MINUTE
        )

    def as_json(self, harmless):
        return {**vars(self), "met": self.ok(harmless)}


async def run_case(case, watch, options):
    results = []
    for _ in range(options.rounds):
        began = time.monotonic()
        case.begin()
        await asyncio.sleep(options.fault)
        case.heal()
        healed = time.monotonic()
        back = await watch.await_back(healed, HEAL_PATIENCE)
        undisturbed = watch.all_worked(began)
        results.append(Result(began, healed, list(watch.attempts()), back, undisturbed))
        if not case.agent.process.alive():
            sys.exit(f"{case.title}: the agent has ended")
    return results


async def shut_down(all_cases):
    """Ends the processes, which ends all connections, and waits for those who serve them."""
    for case in all_cases:
        case.balancer.accepting.cancel()
        for process in (case.agent.process, case.hub.process):
            process.kill()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=5)


def cell(results):
    """The worst of all rounds."""
    if results is None:
        return " | | "
    first = max(each.first_minute for each in results)
    later = [each.worst_minute for each in results if each.worst_minute is not None]
    backs = [each.back for each in results]
    back = f"not within {HEAL_PATIENCE}" if None in backs else f"{max(backs):.1f}"
    return f"{first} | {max(later) if later else '-'} | {back}"


def report(rows, harmless, kinds, options):
    """`rows`: {title: {name of a kind: results}}; the titles of those that must feel nothing."""
    times = "once" if options.rounds == 1 else f"{options.rounds} times"
    print(f"{options.fault} s of each fault, {times}: attempts to connect in the first minute and "
          "in the worst later one, and the seconds from its end until dials work again, the worst "
          f"of all rounds. Goals: at most {MOST_IN_FIRST_MINUTE} attempts, at most "
          f"{MOST_PER_MINUTE}, back within {BACK_WITHIN} s; none, and no dial that fails, for "
          f"{' and '.join(harmless) or 'what does no harm'}.\n")
    titles = "{}: attempts, first minute | later | back after, s | "
    print("| fault | " + "".join(titles.format(kind.name) for kind in kinds) + "verdict |")
    print("|---|" + "---|---|---|" * len(kinds) + "---|")
    for title, results in rows.items():
        met = all(each.ok(title in harmless) for each in results[kinds[0].name])
        print(f"| {title} |" + "".join(f" {cell(results.get(kind.name))} |" for kind in kinds)
              + f" {'met' if met else 'MISSED'} |")


def write(rows, harmless, options):
    goals = {"back_within_s": BACK_WITHIN, "attempts_in_first_minute": MOST_IN_FIRST_MINUTE,
             "attempts_per_minute_later": MOST_PER_MINUTE}
    faults = {title: {name: [each.as_json(title in harmless) for each in results]
                      for name, results in by_kind.items()} for title, by_kind in rows.items()}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"fault_s": options.fault, "goals": goals, "harmless": harmless, "faults": faults}
    options.output.write_text(json.dumps(content, indent=1) + "\n")


def make_pki(hawser, numbers):
    def pki(*arguments):
        subprocess.run([hawser, "pki", *arguments], check=True, stdout=subprocess.DEVNULL)

    pki("init")
    pki("server", "hub", "--san=ip:127.0.0.1", f"--san=dns:{cases.HUB_NAME}",
        *(f"--san=dns:c{number}.{cases.HUB_NAME}" for number in numbers))
    for number in numbers:
        pki("agent", f"c{number}")


def isolate():
    """The network and the mounts of this namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("resolv.conf", "w") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    subprocess.run(["mount", "--bind", "resolv.conf", os.path.realpath("/etc/resolv.conf")],
                   check=True)


async def run(kinds, options):
    lab = Lab(kinds)
    await lab.names.serve("127.0.0.1")
    await asyncio.start_server(echo, "127.0.0.1", ECHO_PORT)
    watches = []
    for kind in kinds:
        for number, make in enumerate(cases.ALL, 1):
            if options.only not in make.title or make.needs_clock and not kind.asks_libc:
                continue
            case = make(lab, kind, number)
            lab.names.addresses[f"{case.cluster}.cluster.test"] = "127.0.0.1"
            await case.set_up()
            watches.append(Watch(case))
    for watch in watches:
        if await watch.await_back(0, START_PATIENCE) is None:
            sys.exit(f"{watch.case.kind.name}: {watch.case.title}: the agent did not connect")
    outcomes = await asyncio.gather(*(run_case(each.case, each, options) for each in watches))
    rows, bad = {}, []
    for watch, results in zip(watches, outcomes):
        case = watch.case
        rows.setdefault(case.title, {})[case.kind.name] = results
        if case.kind is kinds[0] and not all(each.ok(case.harmless) for each in results):
            bad.append(case)
        watch.stop()
    await shut_down([watch.case for watch in watches])
    harmless = sorted({watch.case.title for watch in watches if watch.case.harmless})
    report(rows, harmless, kinds, options)
    write(rows, harmless, options)
    for case in bad:
        print(f"FAILED  {case.title}; {case.agent.process.log} ends with:")
        with open(case.agent.process.log, errors="replace") as log:
            print(*(f"        {line.rstrip()}" for line in log.readlines()[-12:]), sep="\n")
    print(f"balancer: {len(rows) - len(bad)} of {len(rows)} faults ok")
    return not bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", type=os.path.abspath)
    parser.add_argument("--fault", type=int, default=35)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--output", type=lambda path: pathlib.Path(path).resolve(),
                        default=ROOT / "out/balancer.json")
    options = parser.parse_args()
    kinds = [Ours(options.binaries)]
    reference = os.environ.get("HAWSER_REF_SERVER"), os.environ.get("HAWSER_REF_AGENT")
    if all(reference):
        kinds.append(Reference(*map(os.path.abspath, reference)))
    folder = tempfile.mkdtemp(prefix="hawser-balancer.")
    os.chdir(folder)
    isolate()
    make_pki(f"{options.binaries}/cli/hawser", range(1, len(cases.ALL) + 1))
    ok = asyncio.run(run(kinds, options))
    os.chdir("/")
    if options.keep or not ok:
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(not ok)


main()
