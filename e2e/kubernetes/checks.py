"""The checks, in the order of a real installation; each builds on those before it.

A check does what a user would do, fails with what went wrong, and may return what was seen.
"""
import json
import os
import re

import addon_checks
import dns
import failure_checks
import network
import ocm_charts
from cluster import free_port
from process import Failed, Process, await_, check, output_of

WEB_IMAGE = "hawser.example/web:1"
_GET_WEB = ("/pods", "get", "http://web.default.svc/")
_HERE = os.path.dirname(os.path.abspath(__file__))


def _pinned(module, path):
    """The version of a Go module in go.mod, without its v."""
    with open(f"{_HERE}/tools/{module}/go.mod") as text:
        return re.search(rf"^\s+{re.escape(path)} v(\S+)", text.read(), re.MULTILINE)[1]


def versions(lab):
    """The programs say that they are the pinned versions"""
    kubernetes = _pinned("kube", "k8s.io/kubernetes")
    etcd = _pinned("kube", "go.etcd.io/etcd/server/v3")
    ocm = _pinned("ocm", "open-cluster-management.io/ocm")
    expected = [
        (f"{lab.programs.kube}/etcd --version", etcd),
        (f"{lab.programs.kube}/kube-apiserver --version", kubernetes),
        (f"{lab.programs.kube}/kube-controller-manager --version", kubernetes),
        (f"{lab.programs.kube}/kubectl version --client", kubernetes),
        (f"{lab.programs.ocm}/registration-operator --version", ocm),
    ]
    for command, version in expected:
        said = output_of(command.split())
        check(re.search(rf"\bv?{re.escape(version)}\b", said), f"{command}, not {version}: {said}")
    return f"Kubernetes {kubernetes}, etcd {etcd}, Open Cluster Management {ocm}"


def control_planes(lab):
    """The hub and the managed clusters, all with the same addresses, serve the Kubernetes API"""
    for cluster in lab.clusters.values():
        cluster.start()
    for cluster in lab.clusters.values():
        cluster.await_ready()


def nodes(lab):
    """The hub and one managed cluster have a node that is ready for pods"""
    for node in lab.nodes.values():
        node.cluster.start_scheduler()
        node.start()
        node.add_image(WEB_IMAGE, [f"{lab.programs.pods}/pods"], ["/pods", "web"])
        node.add_image(dns.IMAGE, [f"{lab.programs.coredns}/coredns"], ["/coredns"])
    for node in lab.nodes.values():
        node.await_ready()
    return lab.hub.kubectl("get", "nodes", "--output=wide").rstrip()


def pods(lab):
    """A pod on the hub finds itself by DNS, and serves behind a service address"""
    for node in lab.nodes.values():
        node.cluster.apply(*dns.objects())
    lab.hub.apply(*_web("hub", True))
    for node in lab.nodes.values():
        rollout = ("rollout", "status", "deployment/coredns", "--timeout=60s")
        node.cluster.kubectl(*rollout, "--namespace=kube-system")
    lab.hub.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    log = lab.hub.kubectl("logs", "deployment/web")
    check("serving the web of hub" in log, f"the pod's log: {log}")
    _await_page(lab.hub, "web of hub")
    return lab.hub.kubectl("exec", "deployment/web", "--", *_GET_WEB).rstrip()


def isolation(lab):
    """The hub does not reach the managed clusters, and they reach one address of the hub"""
    for number, (name, cluster) in enumerate(lab.managed.items(), 1):
        hub_end, end = network.link(number)
        output_of(f"ip route add {network.NODE_ADDRESS} via {end}".split())
        reached = _reached((), [network.NODE_ADDRESS, end])
        output_of(f"ip route del {network.NODE_ADDRESS}".split())
        check(not reached, f"the hub reached in {name}: {reached}")
        cluster.output(f"ip route add default via {hub_end}".split())
        others = [address for other in range(1, 3) for address in network.link(other)]
        others.remove(end)
        reached = _reached(cluster.enter, [network.HUB_ADDRESS, *others])
        cluster.output("ip route del default".split())
        check(reached == {network.HUB_ADDRESS}, f"{name} reached {reached}")


def _reached(enter, addresses):
    """Those of the addresses where an apiserver or a kubelet answers."""
    curl = ["curl", "-sk", "--parallel", "--max-time", "2", "--write-out", "%{http_code} %{url}\n"]
    for address in addresses:
        for port in (6443, 10250):
            curl += ["--output", "/dev/null", f"https://{address}:{port}/"]
    answers = output_of([*enter, "sh", "-c", '"$@" || true', "sh", *curl])
    return set(re.findall(r"^[1-9]\d+ https://([^:]+):", answers, re.MULTILINE))


def management(lab):
    """Open Cluster Management is installed: by its own charts where there are nodes"""
    for name, node in lab.nodes.items():
        images = ocm_charts.HUB_IMAGES if name == "hub" else ocm_charts.AGENT_IMAGES
        for image, program in images.items():
            node.add_image(image, [f"{lab.programs.ocm}/{program}"])
    lab.ocm_hub.start()
    for agent in lab.ocm_agents.values():
        agent.start(lab.ocm_hub)
    return "\n".join(
        node.cluster.helm("list", "--all-namespaces").rstrip() for node in lab.nodes.values()
    )


def registration(lab):
    """Managed clusters ask to join, are accepted and become Available"""
    for name in lab.managed:
        lab.ocm_hub.accept(name)
    for name in lab.managed:
        lab.ocm_hub.await_available(name)
    return lab.hub.kubectl("get", "managedclusters").rstrip()


def placement(lab):
    """A placement selects all managed clusters"""
    namespace = {"namespace": "default"}
    lab.hub.apply(
        {
            "apiVersion": "cluster.open-cluster-management.io/v1beta2",
            "kind": "ManagedClusterSetBinding",
            "metadata": {"name": "global", **namespace},
            "spec": {"clusterSet": "global"},
        },
        {
            "apiVersion": "cluster.open-cluster-management.io/v1beta1",
            "kind": "Placement",
            "metadata": {"name": "everywhere", **namespace},
            "spec": {"clusterSets": ["global"]},
        },
    )

    def selected():
        lists = lab.hub.get("placementdecisions", "--namespace=default")["items"]
        return {d["clusterName"] for item in lists for d in item.get("status", {})["decisions"]}

    await_(lambda: selected() == set(lab.managed), "decisions for all clusters")


def _web(name, has_node):
    """A service of the same address everywhere, by a pod where there is a node."""
    labels = {"app": "web"}
    spec = {"clusterIP": network.WEB_SERVICE, "selector": labels}
    spec["ports"] = [{"port": 80, "targetPort": 8080}]
    metadata = {"name": "web", "namespace": "default"}
    objects = [{"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}]
    if has_node:
        container = {"name": "web", "image": WEB_IMAGE, "args": [name]}
        container["readinessProbe"] = {"httpGet": {"port": 8080}, "periodSeconds": 1}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        objects.append(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        )
    return objects


def _serve_without_pods(cluster, program):
    web = Process("web", [*cluster.enter, program, "web", cluster.name], cluster.folder)
    cluster.processes.append(web)


def manifest_works(lab):
    """ManifestWorks bring a web service with the same address to all managed clusters"""
    for name in lab.managed:
        work = {"workload": {"manifests": _web(name, name in lab.nodes)}}
        lab.hub.apply(
            {
                "apiVersion": "work.open-cluster-management.io/v1",
                "kind": "ManifestWork",
                "metadata": {"name": "web", "namespace": name},
                "spec": work,
            }
        )
    seen = []
    for name, cluster in lab.managed.items():
        wait = ("wait", "--for=condition=Available", "--timeout=60s", "manifestwork/web")
        lab.hub.kubectl(*wait, f"--namespace={name}")
        if name in lab.nodes:
            cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        else:
            _serve_without_pods(cluster, f"{lab.programs.pods}/pods")
        seen.append(_await_page(cluster, f"web of {name}"))
    return "\n".join(seen)


def _await_page(cluster, text):
    """Until the web service answers inside its cluster: what was seen."""
    url = f"http://{network.WEB_SERVICE}/"

    def page():
        try:
            return cluster.output(["curl", "-sf", "--max-time", "2", url])
        except Failed:
            return None  # kube-proxy may be a second behind

    answer = await_(page, f"{url} in {cluster.name}").strip()
    check(answer == text, f"{url} in {cluster.name} answered: {answer}")
    return f"{url} in {cluster.name}: {answer}"


def dial_by_name(lab):
    """`hawser dial` reaches the web service of each cluster by its name"""
    seen = []
    for name in lab.managed:
        target = f"web.default.svc.{name}:80"
        answer = lab.addon.hawser("dial", target, stdin="GET / HTTP/1.0\r\n\r\n")
        check(answer.endswith(f"web of {name}\n"), f"{target} answered: {answer}")
        seen.append(f"{target}: {answer.splitlines()[-1]}")
    return "\n".join(seen)


def kubectl_by_name(lab):
    """kubectl through `hawser port-forward` is at each cluster's own kube-apiserver"""
    uids = {}
    for name, cluster in lab.managed.items():
        port = free_port()
        forward = lab.addon.forward(name, port, 443)
        kubectl = [f"{lab.programs.kube}/kubectl", f"--kubeconfig={cluster.admin}"]
        kubectl += [f"--server=https://127.0.0.1:{port}", "--tls-server-name=kubernetes"]
        seen = json.loads(output_of([*kubectl, "get", "-o=json", "namespace", "kube-system"]))
        uids[name] = seen["metadata"]["uid"]
        own = cluster.get("namespace", "kube-system")["metadata"]["uid"]
        check(uids[name] == own, f"{uids[name]} is not kube-system of {name}, which is {own}")
        _check_watch(cluster, kubectl)
        if name in lab.nodes:
            said = output_of([*kubectl, "exec", "deployment/web", "--", *_GET_WEB])
            check(said == f"web of {name}\n", f"the pod in {name} said: {said}")
        forward.stop()
    check(len(set(uids.values())) == len(uids), f"the same cluster twice: {uids}")


def reference_client(lab):
    """A Go program over Konnectivity's own client reaches each kube-apiserver by cluster name"""
    lab.addon.refresh_user()
    files = ((kind.lower(), os.environ[f"HAWSER_{kind}"]) for kind in ("HUB", "CA", "CERT", "KEY"))
    flags = [f"--{name}={value}" for name, value in files]
    seen = []
    for name, cluster in lab.managed.items():
        program = [f"{lab.folder}/konnectivity-client", *flags, f"--kubeconfig={cluster.admin}"]
        said = json.loads(output_of([*program, name]))
        version = json.loads(cluster.kubectl("get", "--raw=/version"))
        check(said == version, f"{name} said: {said}")
        seen.append(f"{name}: {said['gitVersion']}")
    return "\n".join(seen)


def _check_watch(cluster, kubectl):
    """That a watch through the tunnel hears of what happens after it began."""
    arguments = ["get", "configmaps", "--watch-only", "--output=name", "--v=6"]
    watch = Process("watch", [*kubectl, *arguments], cluster.folder)
    watch.await_line("watch=true")  # which it logs with the head of the answer
    cluster.kubectl("create", "configmap", "late")
    watch.await_line("configmap/late")
    watch.stop()


def of(full):
    """The checks of the full form, or of the short one, which has no pods."""
    return [
        versions,
        control_planes,
        *([nodes, pods] if full else []),
        isolation,
        failure_checks.missing_kinds,
        management,
        failure_checks.kinds_appeared,
        registration,
        placement,
        manifest_works,
        *addon_checks.of(full, dial_by_name, kubectl_by_name, reference_client),
    ]
