#!/bin/bash
# Builds what the tests run of real Kubernetes and Open Cluster Management, from the Go modules that
# tools/ pins, and prints the folder that holds the programs. The folder is named after the pins;
# what is in it is not built again, and nothing else is needed to run it.
# usage: e2e/kubernetes/build.sh kube|ocm|coredns|pods [PROGRAM...|control-plane|files]
#        no PROGRAM: all of them; control-plane: those that a cluster without nodes needs, and its
#        clients; files: none of them, only what is there besides programs
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)/tools
cache=${HAWSER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hawser}

module=${1:-}
if [[ ! -f $tools/$module/go.mod ]]; then
  sed -n '/^# usage: /,/^[^#]/s/^# //p' "$0" >&2
  exit 64
fi
shift
cd "$tools/$module"

# Programs by name, and the packages they are built from: the tools of go.mod.
declare -A packages
while read -r package; do
  case $package in
    go.etcd.io/etcd/server/v3) packages[etcd]=$package ;;
    *) packages[${package##*/}]=$package ;;
  esac
done < <(sed -nE '/^tool \(/,/^\)/s/^[[:space:]]+//p' go.mod)

# The version of a required module, without its v.
pinned() { sed -nE "s#^[[:space:]]+$1 v([^ ]+).*#\1#p" go.mod; }

# Linker flags that set string variables: PACKAGE [NAME VALUE]...
stamp() {
  local package=$1
  shift
  while (($#)); do
    printf -- '-X %s.%s=%s ' "$package" "$1" "$2"
    shift 2
  done
}

# The versions by which programs know themselves and each other. A build from modules has none, so
# that kubectl could not compare and Helm would refuse charts.
stamps_kube() {
  local version major minor package
  version=$(pinned k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"$version"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    stamp "$package" gitVersion "v$version" gitMajor "$major" gitMinor "$minor" \
      gitCommit modules gitTreeState archive buildDate 1970-01-01T00:00:00Z
  done
  for package in pkg/lint/rules pkg/chartutil; do
    stamp "helm.sh/helm/v3/$package" k8sVersionMajor "$major" k8sVersionMinor "$minor"
  done
  stamp helm.sh/helm/v3/internal/version version "v$(pinned helm.sh/helm/v3)"
}
stamps_ocm() {
  local version major minor
  version=$(pinned open-cluster-management.io/ocm)
  IFS=. read -r major minor _ <<<"$version"
  stamp open-cluster-management.io/ocm/pkg/version \
    versionFromGit "v$version" majorFromGit "$major" minorFromGit "$minor"
}

stamps_coredns() { stamp github.com/coredns/coredns/coremain GitCommit modules; }
stamps_pods() { :; }

# What the tests need from OCM's module besides programs.
files_ocm() {
  local ocm
  ocm=$("$tools/go.sh" list -m -f '{{.Dir}}' open-cluster-management.io/ocm)
  mkdir -p "$1/crds/hub" "$1/crds/managed" "$1/charts"
  cp "$ocm"/manifests/cluster-manager/hub/*.crd.yaml "$1/crds/hub"
  cp "$ocm"/manifests/klusterlet/managed/*.crd.yaml "$1/crds/managed"
  cp -r --no-preserve=mode "$ocm"/deploy/{cluster-manager,klusterlet}/chart/*/ "$1/charts"
}

# Builds program $1 into the folder: the whole file or none.
build() {
  local started=$SECONDS
  "$tools/go.sh" build -trimpath -ldflags "$flags" -o "$folder/.$1" "${packages[$1]}" \
    2> >(grep -v '^go: downloading ' >&2)
  mv "$folder/.$1" "$folder/$1"
  echo "build.sh: $1 in $((SECONDS - started)) s" >&2
}

flags="-s -w $("stamps_$module")"
folder=$cache/kubernetes/$module-$(cat -- * - <<<"$flags" | sha256sum | head -c 12)
mkdir -p "$folder"
exec {lock}>"$folder/.lock"
flock "$lock"

# What Go downloads and compiles is many times what comes out: it stays only if this fails.
export CGO_ENABLED=0 GOFLAGS="-mod=readonly -modcacherw"
export GOMODCACHE=$folder/.build/modules GOCACHE=$folder/.build/objects
(($#)) || set -- "${!packages[@]}"
if [[ $* == control-plane ]]; then
  set -- etcd kube-apiserver kube-controller-manager kubectl helm
elif [[ $* == files ]]; then
  set --
fi
for program in "$@"; do
  if [[ -z ${packages[$program]:-} ]]; then
    echo "build.sh: $module has no $program, only ${!packages[*]}" >&2
    exit 64
  fi
  [[ -x $folder/$program ]] || build "$program"
done
if [[ $module == ocm && ! -d $folder/files ]]; then
  rm -rf "$folder/.files"
  files_ocm "$folder/.files"
  mv "$folder/.files" "$folder/files"
fi
rm -rf "$folder/.build"
echo "$folder"
