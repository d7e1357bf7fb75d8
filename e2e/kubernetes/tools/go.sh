#!/bin/bash
# The installed Go where it can read these modules, which any since 1.21 can: it fetches by itself
# the release that they ask for. An older one fetches a pinned release, as a module.
# usage: as go
set -euo pipefail
release=go1.26.0

minor=$(go version | sed -nE 's/^go version go1\.([0-9]+).*/\1/p')
if ((minor < 21)); then
  module=golang.org/toolchain@v0.0.1-$release.linux-amd64
  folder=$(cd / && go mod download -json "$module" | sed -nE 's/^\t"Dir": "(.*)",$/\1/p')
  # Files of modules are not executable.
  [[ -x $folder/bin/go ]] || chmod -R u+x "$folder/bin" "$folder/pkg/tool"
  unset GOROOT
  PATH=$folder/bin:$PATH
fi
exec go "$@"
