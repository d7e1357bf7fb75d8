#!/usr/bin/env python3
"""What the chart makes of its values.

usage: chart_test.py [test...]     with helm in $PATH
"""
import json
import re
import unittest

import yaml
from chart import (
    CHART,
    MONITORING,
    NAMESPACE,
    REFERENCE_VALUES,
    flags,
    helm,
    notes,
    one,
    pod_specs,
    render,
)

ROOT = CHART.parent.parent


def with_server(**values):
    return {"proxyServer": values}


def rules(objects):
    """(kind of role, rule) of everything that may be done."""
    for each in objects:
        if each["kind"] in ("Role", "ClusterRole"):
            for rule in each["rules"]:
                yield each["kind"], rule


def may(objects, verb, resource):
    given = (rule["verbs"] for _, rule in rules(objects) if resource in rule["resources"])
    return any(verb in verbs for verbs in given)


class Objects(unittest.TestCase):
    def setUp(self):
        self.objects = render()

    def manager(self, objects=None):
        return pod_specs(objects or self.objects)["Deployment/cluster-proxy-addon-manager"]

    def configuration(self, values):
        return one(render(values), "ManagedProxyConfiguration", "cluster-proxy")["spec"]

    def test_lint(self):
        for values in ({}, REFERENCE_VALUES):
            ended = helm("lint", "--strict", str(CHART), values=values)
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_version_is_the_projects(self):
        version = (ROOT / "VERSION").read_text().strip()
        about = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((about["version"], about["appVersion"]), (version, version))
        images = {
            container["image"]
            for spec in pod_specs(self.objects).values()
            for container in spec["containers"]
        }
        self.assertEqual(images, {f"hawser:{version}", f"hawser-cli:{version}"})

    def test_everything_is_in_the_namespace_of_the_release(self):
        for each in self.objects:
            self.assertIn(each["metadata"].get("namespace"), (NAMESPACE, None), each)
        text = json.dumps(self.objects)
        self.assertNotIn("open-cluster-management-addon", text)

    def test_pods_are_restricted(self):
        """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
        specs = pod_specs(self.objects)
        self.assertEqual(
            set(specs),
            {
                "Deployment/cluster-proxy-addon-manager",
                "Job/cluster-proxy-uninstall",
                "Pod/cluster-proxy-test",
            },
        )
        for name, spec in specs.items():
            with self.subTest(name):
                self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(spec))
                self.assertTrue(spec["securityContext"]["runAsNonRoot"])
                profile = spec["securityContext"]["seccompProfile"]
                self.assertEqual(profile, {"type": "RuntimeDefault"})
                for volume in spec.get("volumes", []):
                    self.assertEqual(set(volume), {"name", "secret"})
                for container in spec["containers"]:
                    context = container["securityContext"]
                    self.assertIs(context["allowPrivilegeEscalation"], False)
                    self.assertIs(context["readOnlyRootFilesystem"], True)
                    self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                    self.assertIn("memory", container["resources"]["limits"])

    def test_only_who_needs_the_api_has_a_token(self):
        tokens = {n: s["automountServiceAccountToken"] for n, s in pod_specs(self.objects).items()}
        self.assertEqual(tokens.pop("Pod/cluster-proxy-test"), False)
        self.assertEqual(set(tokens.values()), {True})
        for each in self.objects:
            if each["kind"] == "ServiceAccount":
                self.assertIs(each["automountServiceAccountToken"], False)

    def test_selectors_are_the_references_and_match(self):
        selector = {
            "open-cluster-management.io/addon": "cluster-proxy",
            "component": "cluster-proxy-manager",
        }
        deployment = one(self.objects, "Deployment")["spec"]
        self.assertEqual(deployment["selector"], {"matchLabels": selector})
        self.assertEqual(deployment["template"]["metadata"]["labels"], selector)
        budget = one(self.objects, "PodDisruptionBudget")["spec"]
        self.assertEqual(budget["selector"], {"matchLabels": selector})
        (spread,) = deployment["template"]["spec"]["topologySpreadConstraints"]
        self.assertEqual(spread["labelSelector"], {"matchLabels": selector})

    def test_probes_and_policy_know_the_port(self):
        (container,) = self.manager()["containers"]
        (port,) = container["ports"]
        self.assertEqual(str(port["containerPort"]), flags(container)["health-port"])
        paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz"}
        for probe, path in (paths | {"readinessProbe": "/readyz"}).items():
            self.assertEqual(container[probe]["httpGet"], {"path": path, "port": port["name"]})
        policy = one(self.objects, "NetworkPolicy")["spec"]
        self.assertEqual(policy["ingress"][0]["ports"][0]["port"], port["containerPort"])

    def test_metrics_are_for_those_who_watch(self):
        for watchers in ([{"podSelector": {"matchLabels": {"name": "watch"}}}], []):
            objects = render({"networkPolicies": {"metricsFrom": watchers}})
            ingress = one(objects, "NetworkPolicy")["spec"]["ingress"]
            self.assertEqual([each["from"] for each in ingress], [watchers] if watchers else [])
            (container,) = self.manager(objects)["containers"]
            self.assertEqual(json.loads(flags(container)["metrics-from"]), watchers)
        for peer in one(self.objects, "NetworkPolicy")["spec"]["ingress"][0]["from"]:
            self.assertIn("podSelector", peer, "everybody in a namespace")

    def test_network_policy_is_for_those_who_talk_to_the_api(self):
        policy = one(self.objects, "NetworkPolicy")["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])
        (expression,) = policy["podSelector"]["matchExpressions"]
        for kind in ("Deployment", "Job"):
            labels = one(self.objects, kind)["spec"]["template"]["metadata"]["labels"]
            self.assertLessEqual(policy["podSelector"]["matchLabels"].items(), labels.items())
            self.assertIn(labels[expression["key"]], expression["values"])
        ports = {each["port"] for each in policy["egress"][0]["ports"]}
        self.assertEqual(ports, {53, 443, 6443})
        without = render({"networkPolicies": {"enabled": False}})
        self.assertNotIn("NetworkPolicy", {each["kind"] for each in without})
        (container,) = self.manager(without)["containers"]
        self.assertEqual(flags(container)["network-policies"], "false")

    def test_entrypoints(self):
        cases = [
            ({}, {"type": "PortForward", "port": 8091}),
            (
                with_server(entrypointLoadBalancer=True, loadBalancerAnnotations={"internal": "1"}),
                {
                    "type": "LoadBalancerService",
                    "loadBalancerService": {
                        "name": "proxy-agent-entrypoint",
                        "annotations": [{"key": "internal", "value": "1"}],
                    },
                    "port": 8091,
                },
            ),
            (
                with_server(entrypointAddress="hub.example", entrypointLoadBalancer=True, port=443),
                {"type": "Hostname", "hostname": {"value": "hub.example"}, "port": 443},
            ),
        ]
        for values, expected in cases:
            with self.subTest(expected["type"]):
                entrypoint = self.configuration(values)["proxyServer"]["entrypoint"]
                self.assertEqual(entrypoint, expected)

    def test_placement_keeps_clusters_that_blink(self):
        tolerations = one(self.objects, "Placement")["spec"]["tolerations"]
        group = "cluster.open-cluster-management.io"
        taints = ("unreachable", "unavailable")
        expected = [{"key": f"{group}/{taint}", "operator": "Exists"} for taint in taints]
        self.assertEqual(tolerations, expected)
        binding = one(self.objects, "ManagedClusterSetBinding")
        self.assertEqual(binding["metadata"]["name"], "global")
        self.assertEqual(binding["spec"], {"clusterSet": "global"})
        strategy = one(self.objects, "ClusterManagementAddOn")["spec"]["installStrategy"]
        placement = {"name": "cluster-proxy-placement", "namespace": NAMESPACE}
        self.assertEqual(strategy, {"type": "Placements", "placements": [placement]})

    def test_placement_of_the_user(self):
        own = {"placementName": "mine", "placementNamespace": "elsewhere"}
        objects = render({"installByPlacement": own})
        kinds = {each["kind"] for each in objects}
        self.assertFalse({"Placement", "ManagedClusterSetBinding"} & kinds)
        strategy = one(objects, "ClusterManagementAddOn")["spec"]["installStrategy"]
        self.assertEqual(strategy["placements"], [{"name": "mine", "namespace": "elsewhere"}])

    def test_values_of_the_reference(self):
        objects = render(REFERENCE_VALUES)
        (container,) = self.manager(objects)["containers"]
        image = "registry.example/ocm/cluster-proxy:v0.9.0"
        self.assertEqual(container["image"], image)
        self.assertEqual(one(objects, "Deployment")["spec"]["replicas"], 1)
        given = flags(container)
        self.assertEqual(given["agent-install-namespace"], "open-cluster-management-cluster-proxy")
        self.assertEqual(given["enable-kube-api-proxy"], "true")
        spec = one(objects, "ManagedProxyConfiguration")["spec"]
        for part in (spec["proxyServer"], spec["proxyAgent"]):
            self.assertEqual((part["image"], part["replicas"]), (image, 1))
        self.assertEqual(spec["proxyServer"]["namespace"], NAMESPACE)
        self.assertEqual(spec["proxyServer"]["entrypoint"]["hostname"], {"value": "hub.example"})
        off = render({"enableKubeApiProxy": False, "spokeAddonNamespace": "agents"})
        given = flags(self.manager(off)["containers"][0])
        self.assertEqual(given["enable-kube-api-proxy"], "false")
        self.assertEqual(given["agent-install-namespace"], "agents")

    def test_flags_are_the_programs(self):
        program = (ROOT / "addon-manager/options.cc").read_text()
        known = {name.replace("_", "-") for name in re.findall(r"DEFINE_\w+\(\s*(\w+)", program)}
        every = {"imagePullSecrets": ["pull"], "networkPolicies": {"enabled": False}}
        every |= with_server(imagePullPolicy="Always")
        every |= {"addonManager": {"additionalArgs": ["--ca-lifetime=48h"]}}
        specs = pod_specs(render(every))
        manager = flags(specs["Deployment/cluster-proxy-addon-manager"]["containers"][0])
        self.assertEqual(manager["ca-lifetime"], "48h")
        uninstall = flags(specs["Job/cluster-proxy-uninstall"]["containers"][0])
        self.assertEqual((manager.keys() | uninstall.keys()) - known, set())

    def test_images(self):
        digest = "@sha256:" + "0" * 64
        values = {"registry": "r.example:5000/x", "image": f"hawser{digest}", "tag": "7"}
        values |= {"proxyAgentImage": "other.example/agent", "imagePullSecrets": ["pull"]}
        values |= with_server(imagePullPolicy="Always")
        objects = render(values)
        ours = f"r.example:5000/x/hawser{digest}"
        for name, spec in pod_specs(objects).items():
            (container,) = spec["containers"]
            test = name.startswith("Pod/")
            expected = "r.example:5000/x/hawser-cli:7" if test else ours
            self.assertEqual(container["image"], expected)
            self.assertEqual(container["imagePullPolicy"], "Always")
            self.assertEqual(spec["imagePullSecrets"], [{"name": "pull"}])
        spec = one(objects, "ManagedProxyConfiguration")["spec"]
        self.assertEqual(spec["proxyServer"]["image"], ours)
        self.assertEqual(spec["proxyAgent"]["image"], "other.example/agent:7")
        self.assertEqual(spec["proxyAgent"]["imagePullSecrets"], ["pull"])
        given = flags(self.manager(objects)["containers"][0])
        self.assertEqual(given["image-pull-policy"], "Always")
        self.assertEqual(given["image-pull-secrets"], "pull")

    def test_replicas_of_each_part(self):
        values = {"replicas": 2, "proxyServer": {"replicas": 5}, "proxyAgent": {"replicas": 1}}
        spec = self.configuration(values)
        self.assertEqual(spec["proxyServer"]["replicas"], 5)
        self.assertEqual(spec["proxyAgent"]["replicas"], 1)
        self.assertEqual(one(render(values), "Deployment")["spec"]["replicas"], 2)

    def test_hook_ends_the_add_on_first(self):
        def weight(kind):
            hook = one(self.objects, kind, names[kind])["metadata"]["annotations"]
            self.assertEqual(hook["helm.sh/hook"], "pre-delete")
            policy = hook["helm.sh/hook-delete-policy"].split(",")
            self.assertEqual(policy, ["before-hook-creation", "hook-succeeded"])
            return int(hook["helm.sh/hook-weight"])

        names = {"ServiceAccount": "cluster-proxy-uninstall", "Job": "cluster-proxy-uninstall"}
        names |= {
            kind: "open-cluster-management:cluster-proxy:uninstall"
            for kind in ("ClusterRole", "ClusterRoleBinding")
        }
        self.assertLess(weight("ServiceAccount"), weight("ClusterRoleBinding"))
        self.assertLess(weight("ClusterRole"), weight("ClusterRoleBinding"))
        self.assertLess(weight("ClusterRoleBinding"), weight("Job"))
        given = flags(pod_specs(self.objects)["Job/cluster-proxy-uninstall"]["containers"][0])
        self.assertEqual(given["uninstall"], "true")
        self.assertEqual(given["uninstall-timeout"], "4m30s")

    def test_helm_test_is_a_user_of_the_hub(self):
        spec = pod_specs(render({"certificates": {"proxyClientSecret": "own"}}))[
            "Pod/cluster-proxy-test"
        ]
        (container,) = spec["containers"]
        environment = {each["name"]: each["value"] for each in container["env"]}
        self.assertEqual(environment["HAWSER_HUB"], f"proxy-entrypoint.{NAMESPACE}.svc:8090")
        secrets = {each["name"]: each["secret"]["secretName"] for each in spec["volumes"]}
        self.assertEqual(secrets, {"ca": "proxy-server-ca", "certificate": "own"})
        folders = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        for variable, volume in (("CA", "ca"), ("CERT", "certificate"), ("KEY", "certificate")):
            folder = environment[f"HAWSER_{variable}"].rpartition("/")[0]
            self.assertEqual(folders[folder], volume)

    def test_monitoring_only_where_its_api_is(self):
        kinds = {"ServiceMonitor", "PrometheusRule"}
        self.assertFalse(kinds & {each["kind"] for each in self.objects})
        labels = {"release": "mine"}
        monitor = {"labels": labels}
        values = {"metrics": {"serviceMonitor": monitor, "prometheusRule": monitor}}
        objects = render(values, MONITORING)
        for kind in kinds:
            found = one(objects, kind)["metadata"]["labels"]
            self.assertLessEqual(labels.items(), found.items())
        selector = one(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
        services = [each for each in objects if each["kind"] == "Service"]
        self.assertEqual(len(services), 2)
        for service in services:
            self.assertLessEqual(selector.items(), service["metadata"]["labels"].items())
        off = {"enabled": False}
        objects = render({"metrics": {"serviceMonitor": off, "prometheusRule": off}}, MONITORING)
        self.assertFalse(kinds & {each["kind"] for each in objects})

    def test_alerts_are_about_metrics_that_exist(self):
        documented = (ROOT / "docs/compatibility.md").read_text()
        (group,) = one(render(apis=MONITORING), "PrometheusRule")["spec"]["groups"]
        alerts = [rule["expr"] for rule in group["rules"]]
        self.assertEqual(len(alerts), 9)
        for metric in re.findall(r"\b(?:hawser|konnectivity)_\w+", " ".join(alerts)):
            name = metric.removeprefix("konnectivity_network_proxy_server_")
            self.assertIn(f"`{name}", documented)

    def test_notes_name_what_is_ignored(self):
        said = notes(REFERENCE_VALUES)
        ignored = "enableServiceProxy, userServer, exposedServices\n"
        self.assertIn(f"this version ignores: {ignored}", said)
        self.assertIn("agents connect by Hostname", said)
        self.assertIn("helm test proxy ", said)

    def test_notes_warn_of_defaults_that_rarely_do(self):
        said = notes()
        self.assertIn("WARNING: no registry is named", said)
        self.assertRegex(said, r"must have hawser:[0-9.]+ already")
        self.assertIn("WARNING: agents connect through the hub's kube-apiserver", said)
        # What README tells to do.
        told = re.search(r"    helm install .*\\\n.*--set registry=(\S+) --set (\S+)=true\n",
                         (ROOT / "README.md").read_text())
        registry, entrypoint = told.groups()
        self.assertEqual(entrypoint, "proxyServer.entrypointLoadBalancer")
        said = notes({"registry": registry} | with_server(entrypointLoadBalancer=True))
        self.assertNotIn("WARNING", said)


class Rights(unittest.TestCase):
    def test_nothing_is_a_wildcard(self):
        for kind, rule in rules(render()):
            for field in ("apiGroups", "resources", "verbs"):
                self.assertNotIn("*", "".join(rule[field]), (kind, rule))

    def test_writes_are_limited_to_names(self):
        """But creations, which have none, and requests, whose names are the agents' to choose."""
        for kind, rule in rules(render()):
            writes = set(rule["verbs"]) - {"get", "list", "watch", "create"}
            requests = all(r.startswith("certificatesigningrequests/") for r in rule["resources"])
            if writes and rule["resources"] != ["events"] and not requests:
                self.assertTrue(rule.get("resourceNames"), (kind, rule))

    def test_secrets_and_accounts_are_read_by_name(self):
        for values in ({}, {"signer": {"existingSecret": "mine"}}):
            objects = render(values)
            named = set()
            for kind, rule in rules(objects):
                if {"secrets", "serviceaccounts"} & set(rule["resources"]):
                    self.assertEqual(kind, "Role")
                    if set(rule["verbs"]) != {"create"}:
                        self.assertTrue(rule.get("resourceNames"), rule)
                    if "secrets" in rule["resources"] and "watch" in rule["verbs"]:
                        named |= set(rule["resourceNames"])
            manager = pod_specs(objects)["Deployment/cluster-proxy-addon-manager"]
            given = flags(manager["containers"][0])
            watched = {"proxy-server-ca", "cluster-proxy-ticket-keys", given["signer-secret"]}
            watched |= set(given["certificate-secrets"].split(","))
            self.assertEqual(named, watched)

    def test_the_cluster_shows_no_secrets(self):
        for kind, rule in rules(render()):
            if kind == "ClusterRole":
                self.assertNotIn("", rule["apiGroups"])
                self.assertNotIn("rbac.authorization.k8s.io", rule["apiGroups"])
                self.assertFalse({"escalate", "bind", "impersonate"} & set(rule["verbs"]))

    def test_signers(self):
        signers = {}
        for _, rule in rules(render()):
            if rule["resources"] == ["signers"]:
                signers |= {verb: rule["resourceNames"] for verb in rule["verbs"]}
        ours = "open-cluster-management.io/proxy-agent-signer"
        self.assertEqual(signers["sign"], [ours])
        self.assertEqual(signers["approve"], ["kubernetes.io/kube-apiserver-client", ours])

    def test_port_forward_only_where_it_is_the_entrypoint(self):
        forwarding = render()
        self.assertTrue(may(forwarding, "create", "pods/portforward"))
        self.assertTrue(may(forwarding, "create", "rolebindings"))
        reachable = render(with_server(entrypointLoadBalancer=True))
        for verb in ("create", "patch", "update"):
            self.assertFalse(may(reachable, verb, "rolebindings"))
            self.assertFalse(may(reachable, verb, "roles"))
        self.assertFalse(may(reachable, "get", "pods"))
        self.assertFalse(may(reachable, "create", "pods/portforward"))
        # What an earlier entrypoint left can still be taken away.
        self.assertTrue(may(reachable, "delete", "rolebindings"))

    def test_own_authorities_are_only_read(self):
        objects = render({"signer": {"existingSecret": "mine"}})
        spec = pod_specs(objects)["Deployment/cluster-proxy-addon-manager"]
        self.assertEqual(flags(spec["containers"][0])["signer-secret"], "mine")
        for _, rule in rules(objects):
            if "secrets" in rule["resources"] and "patch" in rule["verbs"]:
                self.assertNotIn("mine", rule["resourceNames"])
                self.assertNotIn("cluster-proxy-signer", rule["resourceNames"])

    def test_hook_has_rights_of_its_own(self):
        role = one(render(), "ClusterRole", "open-cluster-management:cluster-proxy:uninstall")
        verbs = {resource: set(r["verbs"]) for r in role["rules"] for resource in r["resources"]}
        self.assertEqual(verbs.pop("clustermanagementaddons"), {"get", "delete"})
        watch = {"list", "watch"}
        self.assertEqual(verbs, {"managedclusteraddons": watch, "manifestworks": watch})


class Values(unittest.TestCase):
    def test_what_is_wrong_is_named(self):
        cases = [
            ({"replica": 2}, "replica"),
            ({"replicas": 0}, "replicas"),
            ({"replicas": "two"}, "replicas"),
            ({"image": ""}, "image"),
            ({"tag": "a tag"}, "tag"),
            ({"imagePullSecrets": "pull"}, "imagePullSecrets"),
            ({"spokeAddonNamespace": "No_Namespace"}, "spokeAddonNamespace"),
            (with_server(port=70000), "proxyServer.port"),
            (with_server(entrypointAddress="https://hub"), "proxyServer.entrypointAddress"),
            (with_server(entrypoint="hub"), "entrypoint"),
            (with_server(imagePullPolicy="Sometimes"), "proxyServer.imagePullPolicy"),
            (with_server(additionalArgs=["v=4"]), "proxyServer.additionalArgs.0"),
            (with_server(tolerations=[{"kee": "a"}]), "kee"),
            ({"addonManager": {"resources": {"limit": {}}}}, "limit"),
            ({"signer": {"existingSecret": "My Secret"}}, "signer.existingSecret"),
            ({"certificates": {"proxyServerSecret": ""}}, "certificates.proxyServerSecret"),
            ({"networkPolicies": {"apiServerPorts": []}}, "networkPolicies.apiServerPorts"),
            ({"metrics": {"serviceMonitor": {"label": {}}}}, "label"),
            ({"uninstallTimeout": "5 minutes"}, "uninstallTimeout"),
            ({"enableKubeApiProxy": "yes"}, "enableKubeApiProxy"),
            ({"exposedServices": [{"namespace": "a"}]}, "service"),
        ]
        for values, name in cases:
            with self.subTest(values):
                ended = helm("template", str(CHART), values=values)
                self.assertNotEqual(ended.returncode, 0)
                said = ended.stderr.replace("/", ".")
                self.assertRegex(said, rf"(^|[\s'.]){re.escape(name)}['\s:]")

    def test_schema_is_closed_and_knows_every_value(self):
        schema = json.loads((CHART / "values.schema.json").read_text())

        def resolve(part):
            if "$ref" in part:
                return schema["definitions"][part["$ref"].rpartition("/")[2]]
            return part

        def check(values, part, path):
            part = resolve(part)
            if "properties" not in part:
                return
            self.assertIs(part["additionalProperties"], False, path)
            for name, value in values.items():
                self.assertIn(name, part["properties"], path)
                if isinstance(value, dict):
                    check(value, part["properties"][name], f"{path}.{name}")

        values = yaml.safe_load((CHART / "values.yaml").read_text())
        check(values, schema, "")
        known = set(schema["properties"]) - {"global"}
        self.assertEqual(known, set(values))

    def test_parent_charts_may_share_values(self):
        self.assertEqual(len(render({"global": {"x": 1}})), len(render()))


if __name__ == "__main__":
    unittest.main()
