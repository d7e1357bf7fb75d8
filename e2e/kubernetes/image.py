"""OCI archives of one layer, for containerd's import: deterministic, and without a registry."""
import hashlib
import io
import json
import os
import tarfile

_TYPE = "application/vnd.oci.image"


def write(path, name, programs, entrypoint=()):
    """An image `name` with the programs, given as files, in its root folder."""
    archive = tarfile.open(path, "w")
    blobs = set()

    def add(content, media_type):
        """A blob's descriptor; the blob itself goes into the archive once."""
        digest = hashlib.sha256(content).hexdigest()
        if digest not in blobs:
            _add_file(archive, f"blobs/sha256/{digest}", content, 0o644)
            blobs.add(digest)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    layer = add(_layer(programs), f"{_TYPE}.layer.v1.tar")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": add(_json(config), f"{_TYPE}.config.v1+json"),
        "layers": [layer],
    }
    named = add(_json(manifest), manifest["mediaType"])
    named["annotations"] = {"io.containerd.image.name": name}
    index = {"schemaVersion": 2, "manifests": [named]}
    _add_file(archive, "index.json", _json(index), 0o644)
    _add_file(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}), 0o644)
    archive.close()


def _json(value):
    return json.dumps(value, sort_keys=True).encode()


def _layer(programs):
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        for program in programs:
            with open(program, "rb") as file:
                _add_file(files, os.path.basename(program), file.read(), 0o755)
    return layer.getvalue()


def _add_file(archive, name, content, mode):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = mode
    archive.addfile(entry, io.BytesIO(content))
