"""Our add-on, installed by its chart, and what users of the hub type.

Where there are nodes, hub and addon-manager run in pods; else as processes with what their
Deployments prescribe, and so do the agents of clusters without a node.
"""
import base64
import json
import os

import network
from cluster import free_port
from deployment import DeploymentProcess
from process import PATIENCE, Failed, Process, await_, output_of

NAMESPACE = "open-cluster-management-addon"
AGENT_NAMESPACE = "open-cluster-management-cluster-proxy"
AGENT_DEPLOYMENT = "cluster-proxy-proxy-agent"
NAME = "cluster-proxy"
MANAGER = "cluster-proxy-addon-manager"
_MANAGER_PODS = "--selector=component=cluster-proxy-manager"
CHART = os.path.normpath(f"{os.path.dirname(os.path.abspath(__file__))}/../../charts/cluster-proxy")
CONFIG = "without-node"
SIGNER = "cluster-proxy-signer"
DOWNLOAD = 20  # seconds, beside each thing that must not break one


class Addon:
    """The chart's release on the hub, the agents that come of it, and the tools of a user."""

    def __init__(self, folder, binaries, hub, managed, nodes):
        self.folder = folder
        self.binaries = binaries
        self.hub = hub
        self.managed = managed
        self.nodes = nodes
        self.processes = {}
        server = {"entrypointLoadBalancer": True} if nodes else {
            "entrypointAddress": network.HUB_ADDRESS
        }
        # Of the chart; checks change them and upgrade().
        self.values = {"replicas": 2 if nodes else 1, "proxyServer": server, "addonManager": {}}
        # Short lives, so that every certificate is renewed while the checks run. A kubelet takes
        # longer than our processes to see that. A third of a life is left when another begins,
        # which is longer than a download: it would end with the certificate.
        self._set_lives("240s" if nodes else "90s", "30s" if nodes else "15s")
        os.makedirs(folder)

    # The chart.

    def _set_lives(self, certificates, delivery):
        flags = [
            f"--certificate-lifetime={certificates}",
            f"--trust-delivery={delivery}",
            f"--replaced-link-timeout={2 * DOWNLOAD}s",
        ]
        self.values["addonManager"]["additionalArgs"] = flags

    def upgrade(self):
        self._helm("upgrade")

    def _helm(self, verb, *more):
        path = f"{self.folder}/values.json"
        with open(path, "w") as file:
            json.dump(self.values, file)
        where = (f"--namespace={NAMESPACE}", f"--values={path}")
        return self.hub.helm(verb, NAME, CHART, *where, *more)

    def install(self):
        for node in self.nodes.values():
            for image in ("hawser", "hawser-cli"):
                node.import_image(f"{self.binaries}/images/{image}.tar")
        self._helm("install", "--create-namespace")
        if self.nodes:
            self._balance_load()
            for deployment in (MANAGER, NAME):
                self.await_rollout(deployment)
        else:
            self.start_process("manager", self.hub, NAMESPACE, MANAGER)
            self.start_process("server", self.hub, NAMESPACE, NAME, account=False)

    def await_rollout(self, deployment, cluster=None, namespace=NAMESPACE):
        kubectl = (cluster or self.hub).kubectl
        where = f"--namespace={namespace}"
        kubectl("wait", "--for=create", f"deployment/{deployment}", where, patience=90)
        kubectl("rollout", "status", f"deployment/{deployment}", where, patience=120)

    def _balance_load(self):
        """What a cloud does for a Service that asks for a load balancer."""
        service = "service/proxy-agent-entrypoint"
        where = f"--namespace={NAMESPACE}"
        self.hub.kubectl("wait", "--for=create", service, where, "--timeout=90s", patience=100)
        status = {"loadBalancer": {"ingress": [{"ip": network.HUB_ADDRESS, "ipMode": "VIP"}]}}
        patch = ("--type=merge", f"--patch={json.dumps({'status': status})}")
        self.hub.kubectl("patch", service, where, "--subresource=status", *patch)

    # The clusters.

    def configure_clusters_without_nodes(self):
        """They have no DNS: their agents are told the addresses of two names."""
        resolve = {
            "kubernetes.default.svc": network.API_SERVICE,
            "web.default.svc": network.WEB_SERVICE,
        }
        self.hub.apply(
            {
                "apiVersion": "addon.open-cluster-management.io/v1alpha1",
                "kind": "AddOnDeploymentConfig",
                "metadata": {"name": CONFIG, "namespace": "default"},
                "spec": {
                    "agentInstallNamespace": AGENT_NAMESPACE,
                    "customizedVariables": [
                        {"name": "resolve", "value": json.dumps(resolve)},
                    ],
                },
            }
        )
        for name in self.managed:
            if name not in self.nodes:
                self.use_config(name, CONFIG)

    def use_config(self, cluster, name):
        """The cluster's add-on with an AddOnDeploymentConfig of its own."""
        addon, where = f"managedclusteraddon/{NAME}", f"--namespace={cluster}"
        self.hub.kubectl("wait", "--for=create", addon, where, "--timeout=60s")
        config = {
            "group": "addon.open-cluster-management.io",
            "resource": "addondeploymentconfigs",
            "name": name,
            "namespace": "default",
        }
        patch = json.dumps({"spec": {"configs": [config]}})
        self.hub.kubectl("patch", addon, where, "--type=merge", f"--patch={patch}")

    def await_agents(self):
        """Until the agents that the ManifestWorks bring run."""
        for name, cluster in self.managed.items():
            if name in self.nodes:
                self.await_rollout(AGENT_DEPLOYMENT, cluster, AGENT_NAMESPACE)
            else:
                self._await_resolve(cluster)
                self.start_process(name, cluster, AGENT_NAMESPACE, AGENT_DEPLOYMENT)

    def _await_resolve(self, cluster):
        def configured():
            try:
                config = cluster.get(
                    "configmap/cluster-proxy-agent-configuration",
                    f"--namespace={AGENT_NAMESPACE}",
                )
            except Failed:
                return False
            return network.API_SERVICE in config["data"]["agent.yaml"]

        await_(configured, f"the agent's configuration in {cluster.name}")

    def await_available(self, names):
        for name in names:
            available = ("--for=condition=Available", f"--namespace={name}", "--timeout=90s")
            self.hub.kubectl("wait", *available, f"managedclusteraddon/{NAME}", patience=100)

    def start_process(self, key, cluster, namespace, name, account=True):
        process = DeploymentProcess(cluster, self.binaries, namespace, name, account)
        process.start()
        self.processes[key] = process

    # A user of the hub.

    def become_user(self):
        """Files and variables of the tools, from the Secrets that the chart's notes name."""
        self.refresh_user()
        port = self._forward_to_hub() if self.nodes else 8090
        os.environ |= {
            "HAWSER_HUB": f"127.0.0.1:{port}",
            "HAWSER_CA": f"{self.folder}/ca.crt",
            "HAWSER_CERT": f"{self.folder}/tls.crt",
            "HAWSER_KEY": f"{self.folder}/tls.key",
        }

    def _forward_to_hub(self):
        """A port that leads to one of the hub's pods, for as long as there is that pod."""
        if "user" in self.processes:
            self.processes.pop("user").stop()
        port = free_port()
        forward = (f"{self.hub.programs}/kubectl", f"--kubeconfig={self.hub.admin}")
        forward += ("port-forward", f"--namespace={NAMESPACE}", "service/proxy-entrypoint")
        process = Process(f"user-port-forward-{port}", [*forward, f"{port}:8090"], self.folder)
        process.await_line("Forwarding from")
        self.processes["user"] = process
        return port

    def refresh_user(self):
        for secret in ("proxy-client", "proxy-server-ca"):
            data = self.hub.get(f"secret/{secret}", f"--namespace={NAMESPACE}")["data"]
            for name, value in data.items():
                path = f"{self.folder}/{name}"
                with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                    file.write(base64.b64decode(value))
                os.rename(f"{path}.new", path)

    def hawser(self, *arguments, stdin=None):
        self.refresh_user()
        return output_of([f"{self.binaries}/cli/hawser", *arguments], stdin)

    def forward(self, name, port, target):
        """A `hawser port-forward` that listens."""
        self.refresh_user()
        process = Process(
            f"port-forward-{name}-{port}",
            [f"{self.binaries}/cli/hawser", "port-forward", name, f"{port}:{target}"],
            self.folder,
        )
        process.await_line("forwarding")
        return process

    def drips(self, seconds):
        """A download from each cluster."""
        return [Drip(self, name, seconds) for name in self.managed]

    def await_connected(self, names, patience=120):
        def connected():
            try:
                seen = json.loads(self.hawser("get", "clusters", "--output=json"))
            except Failed:
                if self.nodes:
                    self.become_user()
                return False
            return {cluster["name"] for cluster in seen["clusters"]} == set(names)

        await_(connected, f"exactly the agents of {', '.join(names)}", patience)

    # What the operator sees and does.

    def certificate(self, secret):
        """The certificate of a Secret on the hub, in PEM; none when there is none."""
        encoded = self.hub.secret(secret, NAMESPACE).get("tls.crt")
        return encoded and base64.b64decode(encoded).decode()

    def await_other_certificate(self, secret, before, patience=PATIENCE):
        def is_other():
            return self.certificate(secret) not in (before, None)

        await_(is_other, f"another {secret}", patience)

    def lengthen_lives(self):
        """From now on certificates outlast whatever is away for a while."""
        self._set_lives("1h", "30s")
        self.upgrade()
        if self.nodes:
            self.await_rollout(MANAGER)
        else:
            self.processes["manager"].restart()
        for secret in ("agent-server", "proxy-server", "proxy-client"):
            before = self.certificate(secret)
            self.hub.kubectl("delete", f"secret/{secret}", f"--namespace={NAMESPACE}")
            self.await_other_certificate(secret, before)
        self.await_connected(self.managed)

    def manager_lines(self):
        if not self.nodes:
            return self.processes["manager"].lines()
        logs = ("logs", _MANAGER_PODS, "--tail=-1", f"--namespace={NAMESPACE}")
        return self.hub.kubectl(*logs).splitlines()

    def await_manager_line(self, text):
        return await_(
            lambda: next((line for line in self.manager_lines() if text in line), None),
            f"a line of addon-manager with: {text}",
        )

    def manager_starts(self):
        """Another value after any restart."""
        if not self.nodes:
            return self.processes["manager"].id()
        pods = self.hub.get("pods", _MANAGER_PODS, f"--namespace={NAMESPACE}")["items"]
        return {
            pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
            for pod in pods
        }

    def configuration(self):
        return self.hub.get(f"managedproxyconfiguration/{NAME}")

    def condition(self, kind):
        conditions = self.configuration().get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), None)

    def annotate(self, **annotations):
        texts = [
            f"proxy.open-cluster-management.io/{name.replace('_', '-')}={value}"
            for name, value in annotations.items()
        ]
        self.hub.kubectl("annotate", "--overwrite", f"managedproxyconfiguration/{NAME}", *texts)

    def kill_manager(self):
        """The leader goes without a word."""
        if self.nodes:
            lease = self.hub.get(f"lease/{MANAGER}", f"--namespace={NAMESPACE}")
            uid = lease["spec"]["holderIdentity"]
            pods = self.hub.get("pods", f"--namespace={NAMESPACE}")["items"]
            for pod in pods:
                if pod["metadata"]["uid"] == uid:
                    name = f"pod/{pod['metadata']['name']}"
                    self.hub.kubectl("delete", name, f"--namespace={NAMESPACE}", "--grace-period=0",
                                     "--force")
        else:
            self.processes["manager"].stop(9)
            self.processes["manager"].start()

    def stop(self):
        for process in reversed(self.processes.values()):
            process.stop()
        self.processes.clear()


class Drip:
    """A download that lasts, through the tunnel, and must not break."""

    def __init__(self, addon, cluster, seconds):
        self.cluster = cluster
        self.seconds = seconds
        port = free_port()
        self._forward = addon.forward(f"web.default.svc.{cluster}", port, 80)
        url = f"http://127.0.0.1:{port}/drip?seconds={seconds}"
        self._body = f"{addon.folder}/drip-{cluster}-{port}"
        command = ["curl", "--silent", "--show-error", "--fail", "--output", self._body, url]
        self._curl = Process(f"drip-{cluster}-{port}", command, addon.folder)
        self._curl.await_(lambda: os.path.exists(self._body), "the first bytes")

    def done(self):
        """Whether it has ended; it must have ended well."""
        code = self._curl.child.poll()
        if code is None:
            return False
        with open(self._body) as body:
            ticks = body.read().split()
        self._forward.stop()
        if code or ticks != [str(tick) for tick in range(10 * self.seconds)]:
            raise Failed(f"the download from {self.cluster} broke after {len(ticks) / 10} s")
        return True

    def await_end(self):
        await_(self.done, f"the download from {self.cluster}", patience=self.seconds + 30)
