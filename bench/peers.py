"""The tunnels that are compared: each starts its processes in a folder and says how to dial them."""

import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "bazel-bin"


def wait_for(condition, what, seconds=10):
    """Polls until `condition` returns something true, which it returns."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise RuntimeError(f"{what}: not within {seconds} s")


class Processes:
    """Processes with their logs; ended by their own ids."""

    def __init__(self, folder):
        self.folder = folder
        self.all = []

    def start(self, name, *command):
        log = self.folder / f"{name}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.folder)
        self.all.append(process)
        return process.pid, log

    def stop(self):
        for process in self.all:
            process.kill()
        for process in self.all:
            process.wait()


def logged(log, pattern):
    """What a line of the log has matched, once it is there."""
    return wait_for(lambda: re.search(pattern, log.read_text()), f"{pattern!r} in {log}")


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_target(processes):
    """The server that all of them dial; returns its address."""
    _, log = processes.start("target", BIN / "bench/target", "--address", "127.0.0.1")
    return logged(log, r"listening on (\S+)").group(1)


def make_pki(folder):
    """Certificates that all tunnels share."""
    hawser = [BIN / "cli/hawser", "pki", "--dir", folder / "pki"]
    for words in (["init"], ["server", "hub", "--san", "dns:localhost", "--san", "ip:127.0.0.1"],
                  ["agent", "paris"], ["client", "bench"]):
        subprocess.run([str(word) for word in hawser + words], check=True,
                       stdout=subprocess.DEVNULL)
    return folder / "pki"


def hawser(processes, pki, target):
    """Hub and agent; the load comes through the hub's CONNECT socket."""
    folder = processes.folder
    server = pki / "servers/hub"
    hub, hub_log = processes.start(
        "hub", BIN / "hub/proxy-server", "--mode=http-connect", f"--uds-name={folder}/front.sock",
        "--server-port=0", "--agent-port=0", "--agent-bind-address=127.0.0.1", "--health-port=0",
        "--admin-port=0", f"--cluster-cert={server}/tls.crt", f"--cluster-key={server}/tls.key",
        f"--cluster-ca-cert={pki}/ca/agents.crt", "--agent-identity=certificate")
    port = logged(hub_log, r"serving agents on \S+:(\d+)").group(1)
    agent = pki / "agents/paris"
    host, target_port = target.split(":")
    (folder / "agent.yaml").write_text(f'allow:\n  - cidrs: ["{host}/32"]\n    ports: [{target_port}]\n')
    pid, agent_log = processes.start(
        "agent", BIN / "spoke/proxy-agent", "--proxy-server-host=127.0.0.1",
        f"--proxy-server-port={port}", f"--ca-cert={agent}/ca.crt",
        f"--agent-cert={agent}/tls.crt", f"--agent-key={agent}/tls.key",
        f"--resolve=target={host}", f"--config={folder}/agent.yaml", "--health-server-port=0",
        "--admin-server-port=0")
    logged(agent_log, "connected to server")
    return {"via": f"unix:{folder}/front.sock", "connect": f"target.paris:{target_port}",
            "pids": [hub, pid]}


def joined_pem(pki, kind, name):
    """Certificate and key in one file, as haproxy wants them."""
    folder = pki / kind / name
    path = folder / "both.pem"
    path.write_text((folder / "tls.crt").read_text() + (folder / "tls.key").read_text())
    path.chmod(0o600)
    return path


def haproxy(processes, pki, target):
    """Two haproxies with a TLS connection between them per connection."""
    near, far = free_port(), free_port()
    common = """global
  nbthread 2
  maxconn 8000
  tune.ssl.default-dh-param 2048
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
"""
    tls13 = "ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256"
    (processes.folder / "near.cfg").write_text(common + f"""listen near
  bind 127.0.0.1:{near}
  server far 127.0.0.1:{far} ssl verify required verifyhost localhost {tls13} \\
    ca-file {pki}/ca/servers.crt crt {joined_pem(pki, "agents", "paris")}
""".replace("\\\n    ", ""))
    (processes.folder / "far.cfg").write_text(common + f"""listen far
  bind 127.0.0.1:{far} ssl verify required {tls13} \\
    ca-file {pki}/ca/agents.crt crt {joined_pem(pki, "servers", "hub")}
  server target {target}
""".replace("\\\n    ", ""))
    pids = [processes.start(f"haproxy-{side}", "haproxy", "-db", "-f", f"{side}.cfg")[0]
            for side in ("far", "near")]
    return {"via": f"127.0.0.1:{near}", "connect": "", "pids": pids}


def stunnel(processes, pki, target):
    """Two stunnels, likewise."""
    near, far = free_port(), free_port()
    common = "foreground = yes\nsyslog = no\npid =\nsslVersion = TLSv1.3\n" \
             "ciphersuites = TLS_AES_128_GCM_SHA256\nverifyChain = yes\n" \
             "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
    (processes.folder / "near.conf").write_text(
        common + f"client = yes\nCAfile = {pki}/ca/servers.crt\ncert = {pki}/agents/paris/tls.crt\n"
        f"key = {pki}/agents/paris/tls.key\n[t]\naccept = 127.0.0.1:{near}\n"
        f"connect = 127.0.0.1:{far}\n")
    (processes.folder / "far.conf").write_text(
        common + f"CAfile = {pki}/ca/agents.crt\ncert = {pki}/servers/hub/tls.crt\n"
        f"key = {pki}/servers/hub/tls.key\n[t]\naccept = 127.0.0.1:{far}\nconnect = {target}\n")
    pids = [processes.start(f"stunnel-{side}", "stunnel4", f"{side}.conf")[0]
            for side in ("far", "near")]
    return {"via": f"127.0.0.1:{near}", "connect": "", "pids": pids}


def direct(_processes, _pki, target):
    """No tunnel: what the machine can do."""
    return {"via": target, "connect": "", "pids": []}


PEERS = {"direct": direct, "hawser": hawser, "haproxy": haproxy, "stunnel": stunnel}
