#!/usr/bin/env python3
"""Packs programs and the shared libraries that they need into an OCI image archive.

usage: oci_image.py --name NAME --output FILE.tar --status FILE [--status FILE]
                    [--label KEY=VALUE]... PROGRAM...

The image has two layers: what the distribution's packages give (libraries with their licences, CA
certificates, a minimal /etc) and the programs, stripped, in /. It runs as user 65532 and needs no
writable folder. The same inputs give the same bytes: no times, no owners, everything sorted.
"""
import argparse
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import subprocess
import tarfile
import tempfile

USER = 65532
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
ETC = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nhawser:x:{USER}:{USER}::/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nhawser:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# As merged in the distribution: programs name their loader by the short path.
LINKS = {"lib": "usr/lib", "lib64": "usr/lib64"}
CA_FOLDER = pathlib.Path("/usr/share/ca-certificates")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def libraries(programs):
    """{path in the image: file} of every shared library, the loader included."""
    found = {}
    for program in programs:
        for path in re.findall(r"(/\S+) \(0x", run("ldd", program)):
            in_image = re.sub(r"^/(?:usr/)?", "usr/", path)
            found[in_image] = os.path.realpath(path)
    return found


def licences(files):
    """{path in the image: file} of the copyright notes of the packages that the files are of."""
    # Packages may know a file by the path from before /usr was merged; the others are not found.
    names = {name for file in files for name in (file, file.removeprefix("/usr"))}
    search = subprocess.run(["dpkg-query", "--search", *names], capture_output=True, text=True)
    packages = {line.split(":")[0] for line in search.stdout.splitlines()} | {"ca-certificates"}
    notes = {f"usr/share/doc/{package}/copyright" for package in packages}
    return {note: os.path.realpath(f"/{note}") for note in notes if os.path.exists(f"/{note}")}


def ca_certificates():
    """What the ca-certificates package ships, whatever this machine trusts beside it."""
    return b"".join(file.read_bytes().rstrip() + b"\n" for file in sorted(CA_FOLDER.rglob("*.crt")))


class Layer:
    """A tar archive without anything that differs from one build to the next."""

    def __init__(self):
        self.entries = {}

    def add(self, path, content, mode=0o644):
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(content), mode
        self.entries[path] = (entry, content)

    def link(self, path, target):
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        self.entries[path] = (entry, b"")

    def folder(self, path, mode=0o755):
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self.entries[path] = (entry, b"")

    def bytes(self):
        for path in list(self.entries):
            for parent in pathlib.PurePath(path).parents:
                if parent.name and str(parent) not in self.entries:
                    self.folder(str(parent))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for _, (entry, content) in sorted(self.entries.items()):
                archive.addfile(entry, io.BytesIO(content))
        return packed.getvalue()


def base_layer(programs):
    layer = Layer()
    files = libraries(programs)
    for path, file in (files | licences(set(files.values()))).items():
        layer.add(path, pathlib.Path(file).read_bytes(), 0o755 if path in files else 0o644)
    for path, target in LINKS.items():
        layer.link(path, target)
    for path, content in ETC.items():
        layer.add(path, content.encode())
    layer.add("etc/ssl/certs/ca-certificates.crt", ca_certificates())
    layer.folder("tmp", 0o1777)
    return layer.bytes()


def program_layer(programs):
    layer = Layer()
    with tempfile.TemporaryDirectory() as folder:
        for program in programs:
            stripped = os.path.join(folder, "stripped")
            run("strip", "--strip-debug", "-o", stripped, program)
            layer.add(os.path.basename(program), pathlib.Path(stripped).read_bytes(), 0o755)
    return layer.bytes()


class Archive:
    """An OCI image layout in one tar archive."""

    def __init__(self):
        self.layer = Layer()
        self.layer.add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def blob(self, content, media_type):
        """Adds a blob; its descriptor."""
        if not isinstance(content, bytes):
            content = json.dumps(content, sort_keys=True).encode()
        digest = hashlib.sha256(content).hexdigest()
        self.layer.add(f"blobs/sha256/{digest}", content)
        media_type = f"application/vnd.oci.image.{media_type}"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def index(self, manifest):
        index = {"schemaVersion": 2, "manifests": [manifest]}
        self.layer.add("index.json", json.dumps(index, sort_keys=True).encode())


def assemble(name, tag, layers, config):
    """An archive with the image `name:tag`: its bytes and the digest of its manifest."""
    archive = Archive()
    target = {"architecture": ARCHITECTURES[platform.machine()], "os": "linux"}
    config = archive.blob({
        **target,
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
        },
    }, "config.v1+json")
    manifest = archive.blob({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [archive.blob(layer, "layer.v1.tar") for layer in layers],
    }, "manifest.v1+json")
    archive.index(manifest | {"platform": target, "annotations": {
        "io.containerd.image.name": f"{name}:{tag}", "org.opencontainers.image.ref.name": tag,
    }})
    return archive.layer.bytes(), manifest["digest"]


def pack(name, programs, labels):
    """As assemble(), of the programs and what they need."""
    tag = labels["org.opencontainers.image.version"]
    config = {"User": f"{USER}:{USER}", "WorkingDir": "/", "Env": ["PATH=/"], "Labels": labels}
    if len(programs) == 1:
        config["Entrypoint"] = [f"/{os.path.basename(programs[0])}"]
    return assemble(name, tag, [base_layer(programs), program_layer(programs)], config)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--status", type=pathlib.Path, required=True)
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    facts = dict(line.split(" ", 1) for line in arguments.status.read_text().splitlines())
    labels = dict(label.split("=", 1) for label in arguments.label) | {
        "org.opencontainers.image.title": arguments.name,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": facts["STABLE_HAWSER_VERSION"],
        "org.opencontainers.image.revision": facts["STABLE_HAWSER_COMMIT"],
    }
    content, digest = pack(arguments.name, arguments.programs, labels)
    arguments.output.write_bytes(content)
    print(f"{arguments.name}:{facts['STABLE_HAWSER_VERSION']} {digest} {len(content) >> 20} MiB")


if __name__ == "__main__":
    main()
