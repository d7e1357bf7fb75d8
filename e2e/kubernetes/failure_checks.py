"""Checks of what is missing, wrong, gone or expired: it is named, and mended without a restart."""
import base64
import json
import time

from addon import CHART, DOWNLOAD, NAME, NAMESPACE, SIGNER
from process import Process, await_, check, output_of

_AWAY = 60  # seconds
_READY = ["curl", "--silent", "http://127.0.0.1:8000/readyz"]


def missing_kinds(lab):
    """An addon-manager that starts before any CRD is there names what is missing"""
    program = f"{lab.addon.binaries}/addon-manager/addon-manager"
    flags = [f"--kubeconfig={lab.hub.admin}", "--namespace=default", "--leader-elect=false"]
    early = Process("early-manager", [program, *flags], lab.addon.folder)
    lab.addon.processes["early"] = early
    line = early.await_line("managedclusters.cluster.open-cluster-management.io: ")
    said = output_of(_READY)
    check("[-]" in said and "404" in said, f"/readyz says: {said}")
    return line.partition("] ")[2]


def kinds_appeared(lab):
    """It goes on by itself when they are there"""
    lab.hub.kubectl("apply", "--server-side", f"--filename={CHART}/crds")
    early = lab.addon.processes.pop("early")
    early.await_(lambda: output_of(_READY) == "ok\n", "ready")
    early.stop()


def deleted_secret(lab):
    """A deleted certificate of the hub comes back"""
    before = lab.addon.certificate("agent-server")
    lab.hub.kubectl("delete", "secret/agent-server", f"--namespace={NAMESPACE}")
    lab.addon.await_other_certificate("agent-server", before)


def broken_configuration(lab):
    """A bad ManagedProxyConfiguration is named in a condition, and mended without a restart"""
    resource = f"managedproxyconfiguration/{NAME}"
    good = lab.addon.configuration()["spec"]["proxyServer"]["namespace"]

    def set_namespace(value):
        patch = json.dumps({"spec": {"proxyServer": {"namespace": value}}})
        lab.hub.kubectl("patch", resource, "--type=merge", f"--patch={patch}")

    def deployed():
        return lab.addon.condition("ProxyServerDeployed")

    set_namespace("elsewhere")
    await_(lambda: deployed()["reason"] == "InvalidConfiguration", "the condition")
    said = deployed()["message"]
    set_namespace(good)
    await_(lambda: deployed()["status"] == "True", "its end")
    return said


def apiserver_away(lab):
    """The API server of the hub is away for a minute: downloads last, addon-manager goes on"""
    lab.addon.lengthen_lives()
    before = lab.addon.manager_starts()
    # Where the hub is in pods, this user comes through its API server.
    drips = [] if lab.nodes else lab.addon.drips(_AWAY + DOWNLOAD)
    lab.hub.stop_apiserver()
    time.sleep(_AWAY)
    lab.hub.start_apiserver()
    for drip in drips:
        drip.await_end()
    line = lab.addon.await_manager_line("could not renew it")
    cause = lab.addon.await_manager_line("leader election: get leases")
    deleted_secret(lab)
    lab.addon.await_connected(lab.managed)
    lab.addon.await_available(lab.managed)
    after = lab.addon.manager_starts()
    check(before == after, f"addon-manager was restarted: {before}, now {after}")
    return "\n".join(said.partition("] ")[2] for said in (cause, line))


def expired_authority(lab):
    """Authorities that have expired are named and replaced, and everybody comes back"""
    folder = f"{lab.addon.folder}/expired"
    output_of(
        [f"{lab.addon.binaries}/cli/hawser", "pki", f"--dir={folder}", "init", "--validity=1s"]
    )
    data = {}
    for name in ("agents", "clients", "servers"):
        for ending in ("crt", "key"):
            with open(f"{folder}/ca/{name}.{ending}", "rb") as file:
                data[f"{name}.active.{ending}"] = base64.b64encode(file.read()).decode()
    time.sleep(1)
    patch = ("--type=merge", f"--patch={json.dumps({'data': data})}")
    lab.hub.kubectl("patch", f"secret/{SIGNER}", f"--namespace={NAMESPACE}", *patch)
    line = lab.addon.await_manager_line("authority of agents has expired on")
    lab.addon.await_connected(lab.managed, patience=300)
    lab.addon.hawser("check")
    return line.partition("] ")[2]
