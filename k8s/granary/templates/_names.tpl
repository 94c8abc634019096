{{- define "granary.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Suffixes of up to 16 characters, the ordinal of a pod and the hash of its revision still fit into 63. */}}
{{- define "granary.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 36 | trimSuffix "-" }}
{{- else if contains (include "granary.name" .) .Release.Name }}
{{- .Release.Name | trunc 36 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "granary.name" .) | trunc 36 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What Services and controllers find pods by: none of it may change while a release lives. */}}
{{- define "granary.selector" -}}
app.kubernetes.io/name: {{ include "granary.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "granary.labels" -}}
{{ include "granary.selector" . }}
{{ include "granary.origin" . }}
{{- end }}

{{/* Of what is no broker: no Service of the broker's finds it. */}}
{{- define "granary.besideSelector" -}}
app.kubernetes.io/name: {{ printf "%s-%s" (include "granary.name" .root) .what }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "granary.origin" -}}
app.kubernetes.io/part-of: granary
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The kind of pod that clients connect to. */}}
{{- define "granary.front" -}}
{{- ternary "single" "gateway" (eq .Values.mode "single") }}
{{- end }}

{{- define "granary.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "granary.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "granary.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "granary.administratorSecret" -}}
{{- default (printf "%s-administrator" (include "granary.fullname" .)) .Values.administrator.existingSecret }}
{{- end }}

{{- define "granary.postgresSecret" -}}
{{- default (printf "%s-postgres" (include "granary.fullname" .)) .Values.postgres.existingSecret }}
{{- end }}

{{- define "granary.membersSecret" -}}
{{- default (printf "%s-cluster-tls" (include "granary.fullname" .)) .Values.cluster.tls.existingSecret }}
{{- end }}

{{/* Of what is shown to clients; empty: TLS is not spoken with them. */}}
{{- define "granary.tlsSecret" -}}
{{- default (ternary (printf "%s-tls" (include "granary.fullname" .)) "" .Values.tls.certManager.enabled) .Values.tls.existingSecret }}
{{- end }}

{{/* How many gateways there may be. */}}
{{- define "granary.mostGateways" -}}
{{- if .Values.gateways.autoscaling.enabled }}
{{- .Values.gateways.autoscaling.maxReplicas }}
{{- else if .Values.gateways.keda.enabled }}
{{- .Values.gateways.keda.maxReplicas }}
{{- else }}
{{- .Values.gateways.replicas }}
{{- end }}
{{- end }}

{{/*
Without a cluster to ask, helm knows all versions of all times: the version of Kubernetes is looked at, too, unless it is one that does not tell.
*/}}
{{- define "granary.disruptionVersion" -}}
{{- if and (semverCompare ">=1.21-0 || <1.0-0" .Capabilities.KubeVersion.Version) (.Capabilities.APIVersions.Has "policy/v1") }}policy/v1{{ else }}policy/v1beta1{{ end }}
{{- end }}

{{- define "granary.autoscalingVersion" -}}
{{- if and (semverCompare ">=1.23-0 || <1.0-0" .Capabilities.KubeVersion.Version) (.Capabilities.APIVersions.Has "autoscaling/v2") }}autoscaling/v2{{ else }}autoscaling/v2beta2{{ end }}
{{- end }}
