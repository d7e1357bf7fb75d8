"""Random connections through one hub and its agents, all at once. Started by run.sh.

usage: run.py FOLDER_OF_BINARIES KONNECTIVITY_PIPE REFERENCE_AGENT
              [--cases=N] [--seed=S] [--only=CASE]
"""
import argparse
import collections
import concurrent.futures
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

import cases
import ends
import link
from lab import AGENT_FLAGS, HUB_FLAGS, Daemon, await_, command

AT_ONCE = 128
HUB_PORT, LINK_PORT = 8091, 8191


class Lab:
    """One hub; near and far agents of ours and of the reference."""

    def __init__(self, binaries, konnectivity, reference):
        self.hawser = f"{binaries}/cli/hawser"
        self.pipes = {
            "dial": [self.hawser, "dial", "--timeout", "60s"],
            "send": [f"{binaries}/examples/send"],
            "grpc": [konnectivity],
        }
        self.proxy_agent = f"{binaries}/spoke/proxy-agent"
        self.pki("init")
        self.pki("server", "hub", "--san", "dns:localhost")
        self.pki("client", "alice")
        # All begin at once, on whatever machine this is.
        timeouts = ("handshake-timeout", "request-head-timeout", "backend-dial-timeout")
        flags = {**HUB_FLAGS, **{name: "60s" for name in timeouts}}
        self.hub = Daemon("hub", command(f"{binaries}/hub/proxy-server", flags))
        here = os.path.dirname(os.path.abspath(__file__))
        numbers = (LINK_PORT, HUB_PORT, link.DELAY, link.RATE)
        Daemon("link", [sys.executable, "-B", f"{here}/link.py", *map(str, numbers)])
        self.clusters = []
        self.agent("near", self.proxy_agent, HUB_PORT)
        self.agent("far", self.proxy_agent, LINK_PORT)
        if reference != "none":
            self.agent("reference-near", reference, HUB_PORT)
            self.agent("reference-far", reference, LINK_PORT)

    def pki(self, *arguments):
        subprocess.run([self.hawser, "pki", *arguments], check=True, stdout=subprocess.DEVNULL)

    def agent(self, cluster, program, port):
        self.pki("agent", cluster)
        leaf = f"pki/agents/{cluster}"
        health = 8200 + 2 * len(self.clusters)
        flags = {
            "proxy-server-host": "localhost",
            "proxy-server-port": port,
            "ca-cert": f"{leaf}/ca.crt",
            "agent-cert": f"{leaf}/tls.crt",
            "agent-key": f"{leaf}/tls.key",
            "agent-id": cluster,
            "agent-identifiers": f"host={cluster}",
            "health-server-port": health,
            "admin-server-port": health + 1,
        }
        if program == self.proxy_agent:
            flags |= {"resolve": "target=127.0.0.1", "dial-timeout": "60s"}
        with open(f"{cluster}.log", "wb") as log:
            subprocess.Popen(command(program, flags), stderr=log, stdout=log)
        await_(
            lambda: any(f"cluster {cluster}" in line for line in self.hub.lines()),
            f"the agent {cluster}",
        )
        self.clusters.append(cluster)


def isolate():
    """The network and the mounts of this namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost target.reference-near target.reference-far\n")
    subprocess.run(["mount", "--bind", "hosts", "/etc/hosts"], check=True)
    with open("resolv.conf", "w") as names:
        names.write("")
    subprocess.run(["mount", "--bind", "resolv.conf", "/etc/resolv.conf"], check=True)


def judge(name, received, sent, may_be_cut, may_be_reset):
    """What is wrong with what one end got; nothing when it is all, or a beginning and a reset."""
    got = bytes(received.bytes)
    if sent[: len(got)] != got:
        return f"{name} got other bytes than were sent"
    complete = len(got) == len(sent)
    if received.end == "end" and not complete and not may_be_cut:
        return f"{name} got {len(got)} of {len(sent)} bytes and an orderly end"
    if received.end == "reset" and not may_be_reset:
        return f"{name} got {len(got)} of {len(sent)} bytes and a reset, without a reason"
    if received.end not in ("end", "reset"):
        return f"{name} got {len(got)} of {len(sent)} bytes and then: {received.end}"
    return None


def run_case(lab, case):
    """What is wrong, as a list."""
    request, answer = cases.bytes_of(case.seed, case.up), cases.bytes_of(-case.seed, case.down)
    target = ends.Target(case, request, answer)
    address = f"target.{case.cluster}:{target.port}"
    client = ends.Received()
    reference = "reference" in case.cluster
    try:
        if case.how == "killed" and case.who == "client":
            ends.run_killed(case, lab.pipes, address, request, target.accepted)
        elif case.library:
            ends.run_piped(case, lab.pipes, address, request, client)
        else:
            ends.run_connect(case, address, request, client)
    except OSError as failure:
        target.listener.close()
        # A target that resets at once may be found out while it is dialed.
        early = case.who == "target" and not case.orderly
        return [] if early else [f"the client failed: {failure!r}"]
    target.thread.join(ends.LIMIT + 10)
    wrong = []
    resets = not case.orderly or reference or client.gave_up
    # konnectivity-client waits ten seconds for its reader, and for an answer to its closing.
    if client.gave_up and case.pause < 10 and "far" not in case.cluster:
        wrong.append("the client's library gave up, and nobody kept it waiting")
    if not (case.who == "target" and case.how == "killed"):
        # A killed client has said what its kernel took, and then its kernel says FIN; only what it
        # said through gRPC is known to be cut. The reference's agent cannot be told of a reset (a
        # target there learns less than the client), and forgets what it has not written when it is
        # told to close.
        killed = case.how == "killed" and case.front.startswith("connect")
        closed = case.who == "client" and case.how == "closed"
        told = client.end == "reset"
        cut = killed or (reference and (closed or told or not case.orderly))
        if target.received.end is None and len(target.received.bytes) == len(request):
            target.received.end = "end"  # it read no further
        wrong.append(judge("the target", target.received, request, cut, resets))
    if case.who == "target" or case.how == "half-closed":
        # Unix sockets have no reset, and the reference's agent does not tell of one. Nor can it be
        # told of a half-close: the target waits for the end of the request, the client for the
        # answer, and after half a minute the hub resets the client, of all orderly ends this one.
        unanswered = reference and case.orderly and case.who == "client"
        unix = case.front == "connect-unix" and (unanswered or not case.orderly)
        cut = unix or (reference and not case.orderly)
        wrong.append(judge("the client", client, answer, cut, resets))
    return [one for one in wrong if one]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("konnectivity")
    parser.add_argument("reference")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--only", type=int, help="the seed of one case")
    parser.add_argument("--logs", help="a folder for the daemons' logs, which is kept")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(prefix="hawser-exact.") as folder:
        if options.logs:
            folder = os.path.abspath(options.logs)
            os.makedirs(folder, exist_ok=True)
        os.chdir(folder)
        isolate()
        lab = Lab(options.binaries, options.konnectivity, options.reference)
        print(f"exact: {options.cases} cases, --seed={options.seed}", flush=True)
        seeds = [options.only or options.seed * 1000 + i for i in range(options.cases)]
        chosen = [cases.make(seed, lab.clusters) for seed in seeds[: 1 if options.only else None]]
        started = time.monotonic()
        failed = 0
        seen = [collections.Counter(case.front for case in chosen),
                collections.Counter(f"{case.who} {case.how}" for case in chosen)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for case, wrong in zip(chosen, pool.map(lambda case: run_case(lab, case), chosen)):
                for what in wrong:
                    print(f"FAILED --only={case.seed}: {case}: {what}", flush=True)
                failed += bool(wrong)
        for counts in seen:
            print(", ".join(f"{count} x {what}" for what, count in sorted(counts.items())))
        print(f"exact: {len(chosen) - failed} passed, {failed} failed, "
              f"{time.monotonic() - started:.0f} s")
        os.chdir("/")
        os._exit(min(failed, 1)) if options.logs else None
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
