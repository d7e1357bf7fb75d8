"""Runs every case of cases.py against one hub and one agent. Started by run.sh.

usage: run.py FOLDER_OF_BINARIES
"""
import os
import subprocess
import sys
import tempfile

import cases
import surroundings
from lab import AGENT_FLAGS, HUB_FLAGS, Daemon, Failed, Witness, command, echo
from lab import reset_after_a_word, serve, serve_names, ECHO_PORT, RESET_PORT


class Lab:
    """What the cases work with."""

    def __init__(self, binaries):
        self.proxy_server = f"{binaries}/hub/proxy-server"
        self.proxy_agent = f"{binaries}/spoke/proxy-agent"
        self.hawser = f"{binaries}/cli/hawser"
        self.pki("init")
        self.pki("server", "hub", "--san", "dns:localhost")
        for cluster in ("paris", "tokyo"):
            self.pki("agent", cluster)
        self.pki("client", "alice")
        serve(ECHO_PORT, echo)
        serve(RESET_PORT, reset_after_a_word)
        serve_names({"fails.test": 2, "silent.test": None})
        self.hub = Daemon("hub", command(self.proxy_server, HUB_FLAGS))
        self.agent = Daemon("agent", command(self.proxy_agent, AGENT_FLAGS))
        self.hub.await_line("agent connected: cluster paris")
        self.witness = Witness()

    def pki(self, *arguments):
        subprocess.run([self.hawser, "pki", *arguments], check=True, stdout=subprocess.DEVNULL)

    def run(self, arguments, **how):
        """Runs a command that must end: (exit code, lines of stderr)."""
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=30, **how)
        return ended.returncode, ended.stderr.splitlines()


def isolate():
    """The network and the mounts of this namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("resolv.conf", "w") as names:
        names.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", "resolv.conf", "/etc/resolv.conf"], check=True)
    os.mkdir("full")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "full"], check=True)


def run_case(lab, case):
    """Prints what the offender was told; false when something went wrong."""
    lab.hub.mark()
    lab.agent.mark()
    before = lab.hub.process.pid, lab.agent.process.pid
    try:
        told = case(lab)
        lab.witness.confirm()
        gone = [line for line in lab.hub.lines() if "agent gone: cluster paris" in line]
        if gone or before != (lab.hub.process.pid, lab.agent.process.pid):
            raise Failed(f"paris was disturbed: {gone}")
    except (Failed, OSError, subprocess.SubprocessError) as failure:
        print(f"FAILED  {case.__doc__}\n        {failure}", flush=True)
        for daemon in (lab.hub, lab.agent):
            print(*(f"        {daemon.name}: {line}" for line in daemon.lines()[-10:]), sep="\n")
        return False
    print(f"ok      {case.__doc__}", flush=True)
    print(*(f"        {line}" for line in told), sep="\n", flush=True)
    return True


def main():
    binaries = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="hawser-bad-input.") as folder:
        os.chdir(folder)
        isolate()
        lab = Lab(binaries)
        results = [run_case(lab, case) for case in cases.ALL + surroundings.ALL]
        for daemon in (lab.agent, lab.hub):
            daemon.stop()
        subprocess.run(["umount", "--lazy", "full"], check=True)
        os.chdir("/")
    print(f"bad input: {sum(results)} of {len(results)} cases ok")
    sys.exit(not all(results))


main()
