{{/* An image reference: its name as it is in the values, and everybody's tag unless it has a digest. */}}
{{- define "cluster-proxy.tagged" -}}
{{- if contains "@" .name }}{{ .name }}{{ else }}{{ .name }}:{{ .root.Values.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The same with the registry in front. */}}
{{- define "cluster-proxy.image" -}}
{{- $name := .name }}
{{- with .root.Values.registry }}{{ $name = printf "%s/%s" . $name }}{{ end }}
{{- include "cluster-proxy.tagged" (dict "root" .root "name" $name) }}
{{- end }}

{{/* The image of hub or agents: one of its own, or the one of all. */}}
{{- define "cluster-proxy.ownImage" -}}
{{- if .own }}{{ include "cluster-proxy.tagged" (dict "root" .root "name" .own) }}
{{- else }}{{ include "cluster-proxy.image" (dict "root" .root "name" .root.Values.image) }}{{ end }}
{{- end }}

{{/* What every object of the chart is labelled with, and nothing is selected by. */}}
{{- define "cluster-proxy.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Selectors can never change: these are the reference's. */}}
{{- define "cluster-proxy.managerSelector" -}}
open-cluster-management.io/addon: cluster-proxy
component: cluster-proxy-manager
{{- end }}

{{/* By name or, with none, by a port that is forwarded through the kube-apiserver. */}}
{{- define "cluster-proxy.entrypointType" -}}
{{- if .Values.proxyServer.entrypointAddress }}Hostname
{{- else if .Values.proxyServer.entrypointLoadBalancer }}LoadBalancerService
{{- else }}PortForward{{ end }}
{{- end }}

{{- define "cluster-proxy.signerSecret" -}}
{{ .Values.signer.existingSecret | default "cluster-proxy-signer" }}
{{- end }}

{{/* The Placement that selects the clusters. */}}
{{- define "cluster-proxy.placement" -}}
name: {{ .Values.installByPlacement.placementName | default "cluster-proxy-placement" }}
namespace: {{ .Values.installByPlacement.placementNamespace | default .Release.Namespace }}
{{- end }}

{{/* What the restricted pod security standard asks of pods and containers. */}}
{{- define "cluster-proxy.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "cluster-proxy.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "cluster-proxy.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
