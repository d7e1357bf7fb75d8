"""OCI archives of static programs, for containerd's import."""
import json
import os
import sys
import tarfile

sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../../images")
import oci_image  # the one that also packs what we ship


def write(path, name, programs, entrypoint=()):
    """An image `name`, with its tag, of nothing but the programs, given as files, in /."""
    layer = oci_image.Layer()
    for program in programs:
        with open(program, "rb") as file:
            layer.add(os.path.basename(program), file.read(), 0o755)
    name, _, tag = name.rpartition(":")
    user = f"{oci_image.USER}:{oci_image.USER}"
    config = {"User": user, "Entrypoint": list(entrypoint)}
    content, _ = oci_image.assemble(name, tag, [layer.bytes()], config)
    with open(path, "wb") as file:
        file.write(content)


def name_in(archive):
    """The name, with its tag, of the image in an archive."""
    with tarfile.open(archive) as files:
        index = json.load(files.extractfile("index.json"))
    return index["manifests"][0]["annotations"]["io.containerd.image.name"]
