#!/usr/bin/env python3
"""How addon-manager copes with many clusters: a real kube-apiserver, the CRDs of Open Cluster
Management, and a ManagedClusterAddOn made by hand in each of N clusters (install strategy Manual).
Prints a Markdown table and writes out/addons.json; there are no goals.

usage: e2e/kubernetes/apiserver.sh run bench/addons.py PROGRAM FOLDER_OF_CRDS [N]
"""
import base64
import concurrent.futures
import glob
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import goals

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMESPACE = "open-cluster-management-addon"
NAME = "cluster-proxy"
ADDON_API = "addon.open-cluster-management.io/v1alpha1"
CLUSTER_API = "cluster.open-cluster-management.io/v1"
PROXY_API = "proxy.open-cluster-management.io/v1alpha1"
WORK_API = "work.open-cluster-management.io/v1"
PATIENCE = 600  # seconds


class Api:
    """The API server, over one kept connection per thread."""

    def __init__(self, kubeconfig):
        config = json.loads(pathlib.Path(kubeconfig).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urllib.parse.urlsplit(cluster["server"]).netloc
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile(prefix="hawser-bench.") as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]))
            pair.flush()
            self._tls.load_cert_chain(pair.name)
        self._local = threading.local()

    def do(self, method, path, body=None, kind="application/json"):
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPSConnection(self._address, context=self._tls)
        connection = self._local.connection
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status}: {content[:300]}")
        return json.loads(content)


def make_cluster(api, number):
    name = f"cluster-{number:04}"
    metadata = {"name": name}
    api.do("POST", "/api/v1/namespaces", {"metadata": metadata})
    cluster = {"apiVersion": CLUSTER_API, "kind": "ManagedCluster", "metadata": metadata}
    cluster["spec"] = {"hubAcceptsClient": True}
    api.do("POST", f"/apis/{CLUSTER_API}/managedclusters", cluster)
    addon = {"apiVersion": ADDON_API, "kind": "ManagedClusterAddOn", "metadata": {"name": NAME}}
    addon["spec"] = {}
    path = f"/apis/{ADDON_API}/namespaces/{name}/managedclusteraddons"
    api.do("POST", path, addon)
    # What Open Cluster Management's controllers say of an add-on without configurations.
    condition = {"type": "Configured", "status": "True", "reason": "ConfigurationsConfigured"}
    condition |= {"message": "Configurations configured", "lastTransitionTime": now()}
    status = {"status": {"conditions": [condition]}}
    api.do("PATCH", f"{path}/{NAME}/status", status, "application/merge-patch+json")


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def await_(condition, what):
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError(f"waited {PATIENCE} s for {what}")
        time.sleep(0.2)
    return time.monotonic() - began


class Manager:
    """The program under test."""

    def __init__(self, program, log):
        self.process = subprocess.Popen(
            [program, f"--namespace={NAMESPACE}", f"--kubeconfig={os.environ['KUBECONFIG']}"]
            + ["--health-host=127.0.0.1", "--health-port=0"],
            stderr=log,
        )
        self._log = log.name
        await_(lambda: "serving health" in self._lines(), "addon-manager")
        address = re.search(r"serving health on (\S+)", self._lines())[1]
        self._metrics = f"http://{address}/metrics"

    def _lines(self):
        return pathlib.Path(self._log).read_text()

    def metric(self, pattern):
        with urllib.request.urlopen(self._metrics) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^hawser_addon_manager_{pattern} (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def memory(self, what):
        """MiB: VmRSS now, or VmHWM at most so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+)", status, re.MULTILINE)[1]) / 1024

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def works_with(api, image):
    """How many ManifestWorks bring an agent of that image."""
    works = api.do("GET", f"/apis/{WORK_API}/manifestworks")["items"]
    return sum(f'"image": "{image}"' in json.dumps(work) for work in works)


def configuration(image):
    server = {"image": "hawser:bench", "namespace": NAMESPACE}
    server["entrypoint"] = {"type": "Hostname", "hostname": {"value": "hub.example"}}
    spec = {"authentication": {"signer": {"type": "SelfSigned", "selfSigned": {}}}}
    spec |= {"proxyServer": server, "proxyAgent": {"image": image}}
    metadata = {"name": NAME}
    kind = "ManagedProxyConfiguration"
    return {"apiVersion": PROXY_API, "kind": kind, "metadata": metadata, "spec": spec}


def main():
    program, crds, count = sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["1000"])[0])
    files = [*sorted(glob.glob(f"{crds}/*.crd.yaml")), ROOT / "charts/cluster-proxy/crds"]
    files = [f"--filename={file}" for file in files]
    for verb in (["apply", "--server-side"], ["wait", "--for=condition=Established"]):
        subprocess.run(["kubectl", *verb, *files], check=True, stdout=subprocess.DEVNULL)
    api = Api(os.environ["KUBECONFIG"])
    api.do("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    addon = {"apiVersion": ADDON_API, "kind": "ClusterManagementAddOn", "metadata": {"name": NAME}}
    addon["spec"] = {"installStrategy": {"type": "Manual"}}
    api.do("POST", f"/apis/{ADDON_API}/clustermanagementaddons", addon)
    api.do("POST", f"/apis/{PROXY_API}/managedproxyconfigurations", configuration("agent:1"))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: make_cluster(api, number), range(count)))

    with tempfile.NamedTemporaryFile(prefix="hawser-bench.", suffix=".log") as log:
        manager = Manager(program, log)
        try:
            first = await_(lambda: works_with(api, "agent:1") == count, "all ManifestWorks")
            cpu_first = manager.cpu()
            lists = manager.metric(r"lists_total{.*}")
            path = f"/apis/{PROXY_API}/managedproxyconfigurations/{NAME}"
            patch = {"spec": {"proxyAgent": {"image": "agent:2"}}}
            api.do("PATCH", path, patch, "application/merge-patch+json")
            change = await_(lambda: works_with(api, "agent:2") == count, "the change everywhere")
            cpu_change = manager.cpu() - cpu_first
            done = r'reconciles_total{controller="addon",result="done"}'
            before, time_before, cpu_before = manager.metric(done), time.monotonic(), manager.cpu()
            time.sleep(30)
            quiet = time.monotonic() - time_before
            rows = {
                "first convergence": f"{first:.1f} s, {cpu_first:.1f} s of CPU",
                "configuration change": f"{change:.1f} s, {cpu_change:.1f} s of CPU",
                "memory, at most": f"{manager.memory('VmHWM'):.1f} MiB",
                f"at rest, {quiet:.0f} s": f"{manager.cpu() - cpu_before:.2f} s of CPU",
                "looks at clusters meanwhile": f"{manager.metric(done) - before:.0f}",
                "lists of whole kinds": f"{lists:.0f} for 11 kinds, "
                                        f"{manager.metric(r'lists_total{.*}') - lists:.0f} more "
                                        "afterwards",
            }
            print(f"| figure, {count:,} clusters | value |\n|---|---|")
            print(*(f"| {figure} | {value} |" for figure, value in rows.items()), sep="\n")
            goals.write(ROOT / "out/addons.json", {"clusters": count, **rows})
        finally:
            manager.process.terminate()
            manager.process.wait()


main()
