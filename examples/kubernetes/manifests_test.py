#!/usr/bin/env python3
"""Whether the manifests agree with the programs and with each other.

usage: manifests_test.py [test...]
"""
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parent.parent / "bazel-bin"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: proxy-server}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: proxy-server, user: {token: none}}]
"""


def load(name):
    return list(yaml.safe_load_all((HERE / name).read_text()))


def named(documents, kind):
    (found,) = (each for each in documents if each["kind"] == kind)
    return found


def flags(container):
    """{"agent-port": "8132", ...} of a container."""
    return dict(re.fullmatch(r"--([a-z-]+)=(.+)", each).groups() for each in container["args"])


def mounted(path, container, volumes):
    """The volume behind `path` in the container, and the rest of the path in it."""
    for mount in container["volumeMounts"]:
        if path == mount["mountPath"] or path.startswith(mount["mountPath"] + "/"):
            (volume,) = (each for each in volumes if each["name"] == mount["name"])
            return volume, path[len(mount["mountPath"]) + 1 :]
    raise AssertionError(f"{path} is in no volume")


class Manifests(unittest.TestCase):
    def setUp(self):
        self.server = load("proxy-server.yaml")[0]["spec"]
        (self.server_container,) = self.server["containers"]
        self.server_flags = flags(self.server_container)
        self.daemon_set = load("proxy-agent.yaml")[0]
        self.agent = self.daemon_set["spec"]["template"]["spec"]
        (self.agent_container,) = self.agent["containers"]
        self.agent_flags = flags(self.agent_container)
        self.rbac = load("rbac.yaml")
        self.kubeadm = load("kubeadm.yaml")[0]["apiServer"]

    def test_every_document_says_what_it_is(self):
        for path in sorted(HERE.glob("*.yaml")):
            for document in load(path.name):
                with self.subTest(path.name):
                    self.assertTrue(document["apiVersion"])
                    self.assertTrue(document["kind"])

    def test_flags_are_known(self):
        for program, used in (
            ("hub/proxy-server", self.server_flags),
            ("spoke/proxy-agent", self.agent_flags),
        ):
            text = subprocess.run(
                [PROGRAMS / program, "--help"], check=True, capture_output=True, text=True
            ).stdout
            known = re.findall(r"^ +--([a-z-]+)", text, re.MULTILINE)
            self.assertEqual(sorted(set(used) - set(known)), [], program)

    def test_server_starts(self):
        """Without kube-apiserver, too: a static pod may be there first."""
        self.assertNotIn("cluster-ca-cert", self.server_flags)
        with tempfile.TemporaryDirectory() as folder:
            for arguments in (["init"], ["server", "hub", "--san=ip:127.0.0.1"]):
                subprocess.run(
                    [PROGRAMS / "cli/hawser", "pki", f"--dir={folder}/pki", *arguments],
                    check=True,
                    capture_output=True,
                )
            pathlib.Path(folder, "kubeconfig").write_text(KUBECONFIG)
            here = self.server_flags | {
                "uds-name": f"{folder}/socket",
                "agent-bind-address": "127.0.0.1",
                "cluster-cert": f"{folder}/pki/servers/hub/tls.crt",
                "cluster-key": f"{folder}/pki/servers/hub/tls.key",
                "kubeconfig": f"{folder}/kubeconfig",
            }
            here |= {name: "0" for name in here if name.endswith("-port")}
            command = [PROGRAMS / "hub/proxy-server", *(f"--{k}={v}" for k, v in here.items())]
            log = []
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
                for line in server.stderr:
                    log.append(line)
                    if line.endswith("] ready\n"):
                        server.terminate()
            self.assertEqual(server.returncode, 0, "".join(log))

    def test_socket_is_shared_with_kube_apiserver(self):
        socket = self.server_flags["uds-name"]
        for name, protocol in (("grpc", "GRPC"), ("http-connect", "HTTPConnect")):
            (selection,) = load(f"egress-selector-{name}.yaml")[0]["egressSelections"]
            self.assertEqual(selection["name"], "cluster")
            self.assertEqual(selection["connection"]["proxyProtocol"], protocol)
            self.assertEqual(selection["connection"]["transport"]["uds"]["udsName"], socket)
        volume, name = mounted(socket, self.server_container, self.server["volumes"])
        on_host = volume["hostPath"]["path"] + "/" + name
        theirs = [
            on_host.replace(each["hostPath"], each["mountPath"], 1)
            for each in self.kubeadm["extraVolumes"]
            if on_host.startswith(each["hostPath"] + "/")
        ]
        self.assertEqual(theirs, [socket])

    def test_kube_apiserver_sees_its_configuration(self):
        (argument,) = self.kubeadm["extraArgs"]
        self.assertEqual(argument["name"], "egress-selector-config-file")
        folders = [each["mountPath"] for each in self.kubeadm["extraVolumes"]]
        self.assertIn(str(pathlib.PurePath(argument["value"]).parent), folders)

    def test_files_of_flags_are_mounted(self):
        for flag in ("cluster-cert", "cluster-key", "kubeconfig"):
            mounted(self.server_flags[flag], self.server_container, self.server["volumes"])
        for flag in ("ca-cert", "service-account-token-path"):
            mounted(self.agent_flags[flag], self.agent_container, self.agent["volumes"])

    def test_agents_find_the_server(self):
        self.assertEqual(self.agent_flags["proxy-server-port"], self.server_flags["agent-port"])
        (port,) = self.server_container["ports"]
        self.assertEqual(str(port["hostPort"]), self.server_flags["agent-port"])

    def test_tokens_are_those_that_the_server_wants(self):
        sources = self.agent["volumes"][0]["projected"]["sources"]
        (token,) = (s["serviceAccountToken"] for s in sources if "serviceAccountToken" in s)
        self.assertEqual(token["audience"], self.server_flags["authentication-audience"])
        _, name = mounted(
            self.agent_flags["service-account-token-path"],
            self.agent_container,
            self.agent["volumes"],
        )
        self.assertEqual(token["path"], name)
        account = named(self.rbac, "ServiceAccount")["metadata"]
        self.assertEqual(account["name"], self.server_flags["agent-service-account"])
        self.assertEqual(account["namespace"], self.server_flags["agent-namespace"])
        self.assertEqual(account["name"], self.agent["serviceAccountName"])
        self.assertEqual(account["namespace"], self.daemon_set["metadata"]["namespace"])

    def test_server_may_review_tokens(self):
        binding = named(self.rbac, "ClusterRoleBinding")
        self.assertEqual(binding["roleRef"]["name"], "system:auth-delegator")
        (subject,) = binding["subjects"]
        # The user of the kubeconfig that the README makes.
        self.assertIn(f"--client-name={subject['name']} ", (HERE / "README.md").read_text())

    def test_probes_ask_the_health_ports(self):
        (port,) = self.agent_container["ports"]
        self.assertEqual(str(port["containerPort"]), self.agent_flags["health-server-port"])
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            ask = self.server_container[probe]["httpGet"]
            self.assertEqual(ask["path"], path)
            self.assertEqual(ask["host"], self.server_flags["health-bind-address"])
            self.assertEqual(str(ask["port"]), self.server_flags["health-port"])
            ask = self.agent_container[probe]["httpGet"]
            self.assertEqual((ask["path"], ask["port"]), (path, port["name"]))

    def test_pods_live_longer_than_their_connections(self):
        for pod, used in ((self.server, self.server_flags), (self.agent, self.agent_flags)):
            graceful = int(used["graceful-shutdown-timeout"].removesuffix("s"))
            self.assertGreater(pod["terminationGracePeriodSeconds"], graceful)

    def test_agent_is_restricted(self):
        """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
        self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(self.agent))
        self.assertTrue(self.agent["securityContext"]["runAsNonRoot"])
        self.assertGreater(self.agent["securityContext"]["runAsUser"], 0)
        self.assertEqual(self.agent["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
        for volume in self.agent["volumes"]:
            self.assertEqual(set(volume), {"name", "projected"})
        for container in (self.agent_container, self.server_container):
            context = container["securityContext"]
            self.assertIs(context["allowPrivilegeEscalation"], False)
            self.assertIs(context["readOnlyRootFilesystem"], True)
            self.assertEqual(context["capabilities"], {"drop": ["ALL"]})

    def test_selector_matches_the_pods(self):
        template = self.daemon_set["spec"]["template"]
        for key, value in self.daemon_set["spec"]["selector"]["matchLabels"].items():
            self.assertEqual(template["metadata"]["labels"][key], value)


if __name__ == "__main__":
    unittest.main()
