"""The chart as Helm renders it, for its tests."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

CHART = pathlib.Path(__file__).resolve().parent / "cluster-proxy"
NAMESPACE = "hub-addons"
MONITORING = ["monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule"]

# What somebody may have given to the reference's chart, all of its values included.
REFERENCE_VALUES = yaml.safe_load(
    """
registry: registry.example/ocm
image: cluster-proxy
tag: v0.9.0
replicas: 1
spokeAddonNamespace: open-cluster-management-cluster-proxy
proxyServerImage: registry.example/ocm/cluster-proxy
proxyAgentImage: registry.example/ocm/cluster-proxy
proxyServer: {entrypointLoadBalancer: false, entrypointAddress: hub.example, port: 443,
  imagePullPolicy: IfNotPresent}
installByPlacement: {placementName: global, placementNamespace: open-cluster-management-global-set}
enableKubeApiProxy: true
enableServiceProxy: true
enableImpersonation: true
userServer: {enabled: true, additionalSANs: [people.example, 10.0.0.1]}
featureGates: {clusterProfile: false}
exposedServicesConfigMapName: cluster-proxy-exposed-services
exposedServices: [{namespace: monitoring, service: prometheus, port: "9090", protocol: https}]
networkPolicies: {enabled: true}
"""
)


def helm(*arguments, values=None):
    """Runs Helm with the values, a dictionary; the process as it ended."""
    with tempfile.TemporaryDirectory(prefix="hawser-helm.") as folder:
        homes = {f"HELM_{what}_HOME": folder for what in ("CACHE", "CONFIG", "DATA")}
        file = pathlib.Path(folder, "values.yaml")
        file.write_text(yaml.safe_dump(values or {}))
        command = ["helm", *arguments]
        if arguments[0] in ("template", "install", "upgrade", "lint"):
            command.append(f"--values={file}")
        return subprocess.run(command, env=os.environ | homes, capture_output=True, text=True)


def render(values=None, apis=(), chart=CHART):
    """The objects, in the order of Helm's output. Helm must accept the values."""
    flags = [f"--api-versions={api}" for api in apis]
    template = ("template", "proxy", str(chart), f"--namespace={NAMESPACE}", *flags)
    ended = helm(*template, values=values)
    if ended.returncode:
        raise AssertionError(ended.stderr)
    return [each for each in yaml.safe_load_all(ended.stdout) if each]


def notes(values=None):
    """What is said after an installation, which Helm shows without a cluster only as an object."""
    with tempfile.TemporaryDirectory(prefix="hawser-chart.") as folder:
        chart = pathlib.Path(shutil.copytree(CHART, f"{folder}/chart"))
        text = (chart / "templates/NOTES.txt").read_text()
        (chart / "templates/_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}")
        (chart / "templates/notes.yaml").write_text(
            'kind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | toJson }}\n'
        )
        return one(render(values, chart=chart), "Notes")["text"]


def one(objects, kind, name=None):
    """The only object of that kind, or of that kind and name."""
    (found,) = (
        each
        for each in objects
        if each["kind"] == kind and name in (None, each["metadata"]["name"])
    )
    return found


def pod_specs(objects):
    """{"Deployment/name": the pod's spec} of all that become pods."""
    specs = {}
    for each in objects:
        spec = each["spec"] if each["kind"] == "Pod" else each.get("spec", {}).get("template", {})
        spec = spec.get("spec", spec)
        if "containers" in spec:
            specs[f"{each['kind']}/{each['metadata']['name']}"] = spec
    return specs


def flags(container):
    """{"agent-port": "8091", ...} of a container; flags without a value have "true"."""
    return {
        name.removeprefix("--"): value or "true"
        for name, _, value in (argument.partition("=") for argument in container["args"])
    }
