#!/bin/bash
# An image archive is whole and sufficient: every blob has the digest it is named by, it runs as
# another user than root, and each program starts with nothing but what is in it.
# usage: image_test.sh FILE.tar
set -euo pipefail
archive=$PWD/$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
tar -xf "$archive"

python3 - <<'CHECK'
import hashlib, json, pathlib, tarfile

def blob(descriptor):
    content = pathlib.Path("blobs", *descriptor["digest"].split(":")).read_bytes()
    assert len(content) == descriptor["size"], descriptor
    assert hashlib.sha256(content).hexdigest() == descriptor["digest"].split(":")[1], descriptor
    return content

manifest = json.loads(blob(json.load(open("index.json"))["manifests"][0]))
config = json.loads(blob(manifest["config"]))
assert config["config"]["User"] == "65532:65532", config
for layer, diff in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
    assert layer["digest"] == diff, "an uncompressed layer is its own diff"
    blob(layer)
    with tarfile.open(pathlib.Path("blobs", *diff.split(":"))) as packed:
        for entry in packed:
            assert entry.mtime == 0 and entry.uid == 0 and entry.mode & 0o4000 == 0, entry.name
        packed.extractall("root")
CHECK

for program in root/*; do
  [[ -f $program ]] || continue
  name=${program#root/}
  command=("/$name" --version)
  [[ $name == hawser ]] && command=(/hawser version)
  unshare --user --map-root-user chroot root "${command[@]}" | tee version
  grep -q "^$name [0-9]" version
done
