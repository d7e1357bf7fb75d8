#!/bin/bash
# A real kube-apiserver on loopback, with an etcd of its own: for one command, whose environment
# names its kubeconfig in KUBECONFIG and HAWSER_KUBE_APISERVER, or until it is stopped. Namespaces
# get their default ServiceAccount, and are deleted to the end, only with controllers.
# usage: e2e/kubernetes/apiserver.sh run [--controllers] COMMAND...
#        e2e/kubernetes/apiserver.sh start [--controllers] FOLDER
#        e2e/kubernetes/apiserver.sh stop FOLDER
set -euo pipefail
case ${1:-},$# in
  run,[2-9]* | start,[23] | stop,2) ;;
  *)
    sed -n '/^# usage: /,/^[^#]/s/^# //p' "$0" >&2
    exit 64
    ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
programs=(etcd kube-apiserver kubectl)
if [[ ${2:-} == --controllers ]]; then programs+=(kube-controller-manager); fi
folder=$("$here/build.sh" kube "${programs[@]}")
exec python3 -B "$here/apiserver.py" "$folder" "$@"
