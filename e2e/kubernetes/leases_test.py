#!/usr/bin/env python3
"""Leases of servers in a real kube-apiserver: hubs publish them, agents count them, both with the
rights that hub/server_lease.h and spoke/lease_watch.h ask for.

usage: leases_test.py [test...]     under e2e/kubernetes/apiserver.sh run
       HAWSER_REF_AGENT: another agent to count them too
"""
import json
import os
import pathlib
import tempfile
import unittest
import urllib.request

from process import Process, await_, output_of

PROGRAMS = pathlib.Path(__file__).resolve().parents[2] / "bazel-bin"
NAMESPACE = "servers"
LABEL = "k8s-app=konnectivity-server"
VERBS = {
    "hub": ["get", "create", "update", "delete", "list"],
    "agent": ["list", "watch"],
}
GONE = "konnectivity-proxy-server-gone"
CULLED = "konnectivity_network_proxy_server_culled_leases_count"
KNOWN = "konnectivity_network_proxy_agent_known_server_count"


def kubectl(*arguments, **how):
    return output_of(["kubectl", f"--namespace={NAMESPACE}", *arguments], **how)


def apply(*objects):
    kubectl("apply", "--filename=-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def leases():
    return kubectl("get", "leases", "--output=name").split()


def rights(user):
    """A service account that may do what is said of `user`, and nothing else."""
    group = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": VERBS[user]}
    role = {"apiGroup": group, "kind": "Role", "name": user}
    subject = {"kind": "ServiceAccount", "name": user, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": user}},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": user}, "rules": [rule]},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": {"name": user},
         "roleRef": role, "subjects": [subject]},
    ]


def kubeconfig(user, folder):
    config = json.loads(kubectl("config", "view", "--raw", "--output=json"))
    config["users"] = [{"name": user, "user": {"token": kubectl("create", "token", user).strip()}}]
    config["contexts"] = [{"name": user, "context": {
        "cluster": config["clusters"][0]["name"], "user": user}}]
    config["current-context"] = user
    path = f"{folder}/{user}.kubeconfig"
    pathlib.Path(path).write_text(json.dumps(config))
    return path


def port(daemon, what):
    return int(daemon.await_line(f"serving {what} on ").rpartition(":")[2])


def metrics(admin):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics") as page:
        lines = page.read().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


class Leases(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hawser-leases.")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for arguments in (["init"], ["server", "hub", "--san=dns:localhost"],
                          ["agent", "paris"]):
            output_of([PROGRAMS / "cli/hawser", "pki", f"--dir={self.folder}/pki", *arguments])
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.addCleanup(kubectl, "delete", "leases", "--all")
        apply(*rights("hub"), *rights("agent"))
        self.kubeconfigs = {user: kubeconfig(user, self.folder) for user in VERBS}

    def start(self, name, program, flags):
        arguments = [program, *(f"--{flag}={value}" for flag, value in flags.items())]
        daemon = Process(name, arguments, self.folder)
        self.addCleanup(daemon.stop)
        return daemon

    def start_hub(self, name):
        return self.start(name, PROGRAMS / "hub/proxy-server", {
            "server-id": name, "server-port": 0, "uds-name": f"{name}.sock", "agent-port": 0,
            "health-port": 0, "admin-port": 0, "cluster-cert": "pki/servers/hub/tls.crt",
            "cluster-key": "pki/servers/hub/tls.key", "cluster-ca-cert": "pki/ca/agents.crt",
            "enable-lease-controller": "true", "lease-namespace": NAMESPACE, "lease-label": LABEL,
            "kubeconfig": self.kubeconfigs["hub"],
        })

    def agent_flags(self, hub):
        return {
            "proxy-server-host": "localhost", "proxy-server-port": port(hub, "agents"),
            "ca-cert": "pki/agents/paris/ca.crt", "agent-cert": "pki/agents/paris/tls.crt",
            "agent-key": "pki/agents/paris/tls.key", "count-server-leases": "true",
            "lease-namespace": NAMESPACE, "kubeconfig": self.kubeconfigs["agent"],
        }

    def start_agent(self, hub):
        ports = {"health-server-port": 0, "admin-server-port": 0}
        agent = self.start("agent", PROGRAMS / "spoke/proxy-agent", self.agent_flags(hub) | ports)
        return port(agent, "admin")

    def test_agents_count_hubs(self):
        expired = {"leaseDurationSeconds": 30, "renewTime": "2026-01-01T00:00:00.000000Z"}
        key, value = LABEL.split("=")
        apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": expired,
               "metadata": {"name": GONE, "labels": {key: value}}})
        first, second = self.start_hub("hub-1"), self.start_hub("hub-2")
        own = {f"lease.coordination.k8s.io/konnectivity-proxy-server-hub-{i}" for i in (1, 2)}
        await_(lambda: set(leases()) == own, "the leases of both hubs, and of nobody else")
        admins = [port(hub, "admin") for hub in (first, second)]
        await_(lambda: sum(float(metrics(admin)[CULLED]) for admin in admins) == 1,
               "one hub that counts what it removed")

        agents = [self.start_agent(first)]
        if reference := os.environ.get("HAWSER_REF_AGENT"):
            ports = {"health-server-port": 18093, "admin-server-port": 18094}
            self.start("reference", reference, self.agent_flags(first) | ports)
            agents.append(18094)

        def all_know(count):
            try:
                return all(float(metrics(agent).get(KNOWN, 0)) == count for agent in agents)
            except OSError:
                return False  # not listening yet

        await_(lambda: all_know(2), "agents that know of two hubs")
        second.stop()
        await_(lambda: all_know(1), "agents that know of one hub")
        self.assertEqual(leases(), ["lease.coordination.k8s.io/konnectivity-proxy-server-hub-1"])
        first.stop()
        self.assertEqual(leases(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
