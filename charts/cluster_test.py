#!/usr/bin/env python3
"""The chart in a real kube-apiserver: accepted, with the rights that are meant, and gone again.

usage: cluster_test.py [test...]     under e2e/kubernetes/apiserver.sh run, with helm in $PATH
       and the folder of Open Cluster Management's CRDs in $HAWSER_OCM_CRDS; addon-manager is
       built
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml
from chart import CHART, NAMESPACE, REFERENCE_VALUES, helm, one, render

MANAGER = f"system:serviceaccount:{NAMESPACE}:cluster-proxy-addon-manager"
FORWARD = "cluster-proxy-addon-agent:portforward"
PROGRAM = CHART.parent.parent / "bazel-bin/addon-manager/addon-manager"
RELEASE = ("cluster-proxy", str(CHART), f"--namespace={NAMESPACE}")


def kubectl(*arguments, stdin=None):
    """The process as it ended. `stdin`: objects, as dictionaries."""
    if stdin is not None:
        stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": stdin})
    return subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True)


def must(ended):
    if ended.returncode:
        raise AssertionError(f"{' '.join(ended.args)}: {ended.stderr}")
    return ended.stdout


def configuration():
    return json.loads(must(kubectl("get", "-o=json", "managedproxyconfiguration/cluster-proxy")))


def setUpModule():
    must(kubectl("apply", "--server-side", f"--filename={os.environ['HAWSER_OCM_CRDS']}"))
    must(kubectl("apply", "--server-side", f"--filename={CHART}/crds"))
    restricted = {f"pod-security.kubernetes.io/{m}": "restricted" for m in ("enforce", "warn")}
    metadata = {"name": NAMESPACE, "labels": restricted}
    # No controller makes the account of pods that name none.
    account = {"name": "default", "namespace": NAMESPACE}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
    ]
    must(kubectl("apply", "--server-side", "--filename=-", stdin=objects))


class Manifests(unittest.TestCase):
    def test_are_accepted(self):
        """Hooks and tests included; warnings, such as those about pod security, are errors."""
        dry_run = ("apply", "--dry-run=server", "--warnings-as-errors", "--filename=-")
        load_balancer = {"entrypointLoadBalancer": True, "loadBalancerAnnotations": {"a": "b"}}
        toleration = {"key": "a", "operator": "Exists"}
        placed = {"nodeSelector": {"a": "b"}, "tolerations": [toleration]}
        rich = {"proxyServer": load_balancer | placed, "addonManager": placed}
        rich |= {"imagePullSecrets": ["pull"], "signer": {"existingSecret": "mine"}}
        for values in ({}, REFERENCE_VALUES, rich):
            with self.subTest(values):
                must(kubectl(*dry_run, stdin=render(values)))

    def test_wrong_configurations_are_refused(self):
        def entrypoint(**values):
            return {"proxyServer": {"image": "a", "entrypoint": values}}

        cases = [
            ({"proxyServer": {}}, 'required field "image"'),
            ({"proxyServer": {"image": "a", "replicas": -1}}, "spec.proxyServer.replicas"),
            (entrypoint(type="Ingress"), "spec.proxyServer.entrypoint.type"),
            (entrypoint(type="Hostname"), "hostname.value is needed"),
            (entrypoint(type="PortForward", port=0), "spec.proxyServer.entrypoint.port"),
            ({"deploy": {"ports": {"adminServer": 70000}}}, "spec.deploy.ports.adminServer"),
            ({"authentication": {"signer": {"type": "CertManager"}}}, "authentication.signer.type"),
            ({"proxyServers": {}}, "proxyServers"),
        ]
        good = one(render(), "ManagedProxyConfiguration")
        for spec, field in cases:
            with self.subTest(spec):
                wrong = good | {"spec": good["spec"] | spec}
                ended = kubectl("create", "--dry-run=server", "--filename=-", stdin=[wrong])
                self.assertNotEqual(ended.returncode, 0)
                self.assertIn(field, ended.stderr)


class Release(unittest.TestCase):
    def setUp(self):
        must(helm("install", *RELEASE))
        self.addCleanup(helm, "uninstall", RELEASE[0], RELEASE[2], "--no-hooks")

    def upgrade(self, values):
        must(helm("upgrade", *RELEASE, values=values))

    def may(self, verb, what, *more):
        return kubectl("auth", "can-i", verb, what, f"--as={MANAGER}", *more).returncode == 0

    def test_defaults_of_the_configuration(self):
        minimal = {"proxyServer": {"image": "a"}, "proxyAgent": {"image": "b"}}
        metadata = {"name": "minimal"}
        made = configuration() | {"metadata": metadata, "spec": minimal}
        ended = kubectl("create", "--dry-run=server", "-o=yaml", "--filename=-", stdin=[made])
        spec = yaml.safe_load(must(ended))["spec"]
        self.assertEqual(spec["deploy"]["ports"]["adminServer"], 8095)
        self.assertEqual(spec["proxyServer"]["replicas"], 3)
        self.assertEqual(spec["proxyServer"]["inClusterServiceName"], "proxy-entrypoint")
        self.assertEqual(spec["proxyServer"]["entrypoint"], {"type": "PortForward", "port": 8091})
        secrets = spec["authentication"]["dump"]["secrets"]
        self.assertEqual(secrets["signingAgentServerSecretName"], "agent-server")

    def test_upgrade_changes_the_entrypoint(self):
        def entrypoint():
            return configuration()["spec"]["proxyServer"]["entrypoint"]

        self.assertEqual(entrypoint(), {"type": "PortForward", "port": 8091})
        self.upgrade({"proxyServer": {"entrypointLoadBalancer": True}})
        self.assertEqual(entrypoint()["loadBalancerService"]["name"], "proxy-agent-entrypoint")
        self.upgrade(REFERENCE_VALUES)
        hostname = {"type": "Hostname", "hostname": {"value": "hub.example"}, "port": 443}
        self.assertEqual(entrypoint(), hostname)

    def test_one_name_can_be_listed_and_others_not(self):
        one_name = "--field-selector=metadata.name=cluster-proxy"
        uninstall = MANAGER.replace("addon-manager", "uninstall")
        # The hook's rights come and go with the hook.
        role = "open-cluster-management:cluster-proxy:uninstall"
        rights = [each for each in render() if each["metadata"]["name"] == role]
        must(kubectl("apply", "--server-side", "--filename=-", stdin=rights))
        self.addCleanup(kubectl, "delete", f"clusterrole/{role}", f"clusterrolebinding/{role}")
        for account, kinds in (
            (MANAGER, "managedproxyconfigurations clustermanagementaddons managedclusteraddons"),
            (uninstall, "managedclusteraddons"),
        ):
            for kind in kinds.split():
                get = ("get", kind, "--all-namespaces", f"--as={account}")
                must(kubectl(*get, one_name))
                self.assertIn("forbidden", kubectl(*get).stderr)

    def test_rights(self):
        here = f"--namespace={NAMESPACE}"
        status = "--subresource=status"
        for verb, what, *more in (
            ("patch", "secrets/proxy-client", here),
            ("get", "secrets/cluster-proxy-signer", here),
            ("watch", "secrets/proxy-server-ca", here),
            ("create", "secrets", here),
            ("create", "deployments.apps", here),
            ("patch", "deployments.apps/cluster-proxy", here),
            ("update", "leases.coordination.k8s.io/cluster-proxy-addon-manager", here),
            ("patch", "manifestworks/addon-cluster-proxy-deploy-0", "--namespace=paris"),
            ("patch", "managedclusteraddons/cluster-proxy", status, "--namespace=paris"),
            ("update", "certificatesigningrequests/any", "--subresource=approval"),
        ):
            self.assertTrue(self.may(verb, what, *more), (verb, what))
        for verb, what, *more in (
            ("get", "secrets", "--namespace=kube-system"),
            ("patch", "secrets/of-others", here),
            ("get", "secrets/of-others", here),
            ("list", "secrets", here),
            ("watch", "secrets", here),
            ("get", "serviceaccounts/of-others", here),
            ("list", "serviceaccounts", here),
            ("delete", "deployments.apps/of-others", here),
            ("delete", "manifestworks/addon-other-deploy-0", "--namespace=paris"),
            ("patch", "managedclusteraddons/other", status, "--namespace=paris"),
            ("delete", "clustermanagementaddons/cluster-proxy"),
            ("create", "clusterrolebindings"),
            ("get", "nodes"),
        ):
            self.assertFalse(self.may(verb, what, *more), (verb, what))

    def test_port_forward_is_given_and_taken_away(self):
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": FORWARD, "namespace": NAMESPACE},
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
                {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]},
            ],
        }
        apply = ("apply", "--server-side", f"--as={MANAGER}", "--filename=-")
        must(kubectl(*apply, stdin=[role]))
        more = role | {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]}]}
        self.assertIn("attempting to grant RBAC permissions", kubectl(*apply, stdin=[more]).stderr)
        self.upgrade({"proxyServer": {"entrypointAddress": "hub.example"}})
        self.assertIn("forbidden", kubectl(*apply, stdin=[role]).stderr)
        here = f"--namespace={NAMESPACE}"
        must(kubectl("delete", f"role/{FORWARD}", f"--as={MANAGER}", here))

    def test_addon_manager_has_the_rights_that_it_needs(self):
        with tempfile.TemporaryDirectory(prefix="hawser-chart.") as folder:
            log = self.run_addon_manager(folder)
        for word in ("forbidden", "Conflict"):
            self.assertNotIn(word, log)

    def run_addon_manager(self, folder):
        """Its log, of a run as its account until the hub is there, and changed."""
        here = f"--namespace={NAMESPACE}"
        wait = ("wait", here, "--timeout=60s")
        account = MANAGER.rpartition(":")[2]
        token = must(kubectl("create", "token", account, here)).strip()
        config = yaml.safe_load(pathlib.Path(os.environ["KUBECONFIG"]).read_text())
        config["users"][0]["user"] = {"token": token}
        kubeconfig = pathlib.Path(folder, "kubeconfig")
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(json.dumps(config))
        log = pathlib.Path(folder, "log")
        command = [PROGRAM, f"--kubeconfig={kubeconfig}", here, "--health-port=0"]
        with open(log, "w") as output, subprocess.Popen(command, stderr=output) as manager:
            try:
                must(kubectl(*wait, "--for=create", "deployment/cluster-proxy"))
                must(kubectl(*wait, "--for=create", f"rolebinding/{FORWARD}"))
                self.upgrade({"proxyServer": {"entrypointLoadBalancer": True}})
                must(kubectl(*wait, "--for=create", "service/proxy-agent-entrypoint"))
                must(kubectl(*wait, "--for=delete", f"role/{FORWARD}", f"rolebinding/{FORWARD}"))
            finally:
                manager.terminate()
        self.assertEqual(manager.returncode, 0, log.read_text())
        lease = must(kubectl("get", "-o=json", here, f"lease/{account}"))
        self.assertEqual(json.loads(lease)["spec"]["holderIdentity"], "")
        return log.read_text()

    def test_nothing_is_left(self):
        must(helm("uninstall", RELEASE[0], RELEASE[2], "--no-hooks"))
        kinds = must(kubectl("api-resources", "--verbs=list", "--output=name")).split()
        left = must(
            kubectl(
                "get",
                ",".join(kinds),
                "--all-namespaces",
                "--selector=app.kubernetes.io/instance=cluster-proxy",
                "--output=name",
                "--ignore-not-found",
            )
        )
        self.assertEqual(left, "")
        must(kubectl("get", "crd/managedproxyconfigurations.proxy.open-cluster-management.io"))


if __name__ == "__main__":
    unittest.main()
