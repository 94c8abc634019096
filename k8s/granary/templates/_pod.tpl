{{/* A pod of the broker's: root, kind (single, silo or gateway), and values, which are those of the kind. */}}
{{- define "granary.pod" -}}
{{- $v := .root.Values }}
{{- $isFront := ne .kind "silo" }}
{{- $isMember := ne .kind "single" }}
{{- $tlsSecret := ternary (include "granary.tlsSecret" .root) "" $isFront }}
{{- $definitions := and $isFront (or $v.definitions.existingSecret $v.definitions.existingConfigMap) }}
{{- $certificates := and $isMember (not $v.cluster.insecure) -}}
metadata:
  labels:
    # No version: a chart that changes nothing else restarts nothing.
    {{- include "granary.selector" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .kind }}
    app.kubernetes.io/part-of: granary
    {{- with mergeOverwrite (dict) $v.podLabels .values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with mergeOverwrite (dict) $v.podAnnotations .values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "granary.serviceAccount" .root }}
  automountServiceAccountToken: false
  # A Service called granary-amqp would set GRANARY_AMQP_PORT, which is an option of the broker.
  enableServiceLinks: false
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if eq .kind "gateway" }}
  # No preStop: after the signal the broker serves on for its drain time, while it is not ready.
  terminationGracePeriodSeconds: {{ default (add (int .values.drainTime) 30) (int .values.terminationGracePeriodSeconds) }}
  {{- else }}
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  {{- end }}
  {{- with include "granary.podSecurity" (dict "root" .root "context" $v.podSecurityContext) | fromYaml }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $isMember $v.postgres.trial.enabled }}
  initContainers:
    # Told the user's name, pg_isready does not look for that of user 1654, whom PostgreSQL's image does not know: it would not even try to connect.
    # Without the trap the shell, as the first process of its container, would not hear of the pod's end.
    - name: await-postgres
      image: {{ include "granary.trialImage" .root }}
      imagePullPolicy: {{ $v.postgres.trial.image.pullPolicy }}
      command: [sh, -c, "trap 'exit 1' TERM; until pg_isready -q -t 2 -U granary -d granary -h {{ include "granary.fullname" .root }}-postgres -p {{ $v.postgres.port }}; do sleep 1; done"]
      {{- with $v.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {memory: 64Mi}
  {{- end }}
  containers:
    - name: granary
      image: {{ include "granary.image" .root }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      {{- with $v.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # The image's user and working directory do not matter.
      command: [dotnet, /app/Granary.Node.dll]
      env:
        {{- include "granary.environment" . | nindent 8 }}
      ports:
        {{- if $isFront }}
        - {name: amqp, containerPort: 5672, protocol: TCP}
        - {name: grpc, containerPort: 50051, protocol: TCP}
        {{- if $v.services.proxy.enabled }}
        - {name: proxy, containerPort: 5673, protocol: TCP}
        {{- end }}
        {{- if $tlsSecret }}
        - {name: amqps, containerPort: 5671, protocol: TCP}
        - {name: grpcs, containerPort: 50052, protocol: TCP}
        - {name: https, containerPort: 15671, protocol: TCP}
        {{- end }}
        {{- end }}
        - {name: http, containerPort: 15672, protocol: TCP}
        - {name: metrics, containerPort: 15692, protocol: TCP}
        {{- if $isMember }}
        - {name: members, containerPort: 11111, protocol: TCP}
        {{- end }}
      # Listens when the store is open, and is ready later.
      startupProbe:
        httpGet: {path: /health/live, port: http}
        {{- toYaml .values.startupProbe | nindent 8 }}
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        {{- toYaml .values.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        {{- toYaml .values.readinessProbe | nindent 8 }}
      {{- with .values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- if ne .kind "gateway" }}
        - {name: data, mountPath: /var/lib/granary}
        {{- end }}
        - {name: administrator, mountPath: /etc/granary/administrator, readOnly: true}
        {{- if $definitions }}
        - {name: definitions, mountPath: /etc/granary/definitions, readOnly: true}
        {{- end }}
        {{- if $tlsSecret }}
        - {name: tls, mountPath: /etc/granary/tls, readOnly: true}
        {{- end }}
        {{- if $certificates }}
        - {name: members, mountPath: /etc/granary/members, readOnly: true}
        {{- end }}
        {{- with .values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- if eq .kind "silo" }}
    - name: data
      emptyDir:
        sizeLimit: {{ .values.scratch.sizeLimit }}
    {{- else if and (eq .kind "single") .values.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .values.persistence.existingClaim }}
    {{- else if and (eq .kind "single") (not .values.persistence.enabled) }}
    - name: data
      emptyDir:
        sizeLimit: {{ .values.persistence.size }}
    {{- end }}
    - name: administrator
      secret:
        secretName: {{ include "granary.administratorSecret" .root }}
        # Files, also the name: the broker ignores a line's end in them, which is there when somebody has made the secret from files.
        items:
          - {key: {{ $v.administrator.usernameKey | quote }}, path: user}
          - {key: {{ $v.administrator.passwordKey | quote }}, path: password}
    {{- if $definitions }}
    - name: definitions
      {{- if $v.definitions.existingSecret }}
      secret:
        secretName: {{ $v.definitions.existingSecret }}
      {{- else }}
      configMap:
        name: {{ $v.definitions.existingConfigMap }}
      {{- end }}
    {{- end }}
    {{- if $tlsSecret }}
    # Not by subPath, here and below: what is renewed has to come into pods that run.
    - name: tls
      secret:
        secretName: {{ $tlsSecret }}
        items:
          - {key: {{ $v.tls.certificateKey | quote }}, path: tls.crt}
          - {key: {{ $v.tls.keyKey | quote }}, path: tls.key}
          {{- if $v.tls.verifyPeer }}
          - {key: {{ $v.tls.caKey | quote }}, path: ca.crt}
          {{- end }}
    {{- end }}
    {{- if $certificates }}
    - name: members
      secret:
        secretName: {{ include "granary.membersSecret" .root }}
        items:
          - {key: {{ $v.cluster.tls.certificateKey | quote }}, path: tls.crt}
          - {key: {{ $v.cluster.tls.keyKey | quote }}, path: tls.key}
          - {key: {{ $v.cluster.tls.caKey | quote }}, path: ca.crt}
    {{- end }}
    {{- with .values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .values.affinity }}
  affinity:
    {{- toYaml .values.affinity | nindent 4 }}
  {{- else if and $isMember (not .values.topologySpreadConstraints) }}
  # Not a second topologySpreadConstraint: the scheduler heeds none at nodes that lack the label of one, and nodes may have no zone.
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "granary.selector" .root | nindent 16 }}
                app.kubernetes.io/component: {{ .kind }}
  {{- end }}
  {{- if $isMember }}
  topologySpreadConstraints:
    {{- if .values.topologySpreadConstraints }}
    {{- toYaml .values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "granary.selector" .root | nindent 10 }}
          app.kubernetes.io/component: {{ .kind }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* The chart's own, then extraEnv of all pods, then that of the kind: of one name the last counts, and is there once, for Kubernetes refuses to apply a name twice. */}}
{{- define "granary.environment" -}}
{{- $names := dict }}
{{- $variables := list }}
{{- range concat (include "granary.options" . | fromYamlArray) .root.Values.extraEnv .values.extraEnv | reverse }}
{{- if not (hasKey $names .name) }}
{{- $_ := set $names .name true }}
{{- $variables = prepend $variables . }}
{{- end }}
{{- end }}
{{- toYaml $variables }}
{{- end }}

{{/* The broker's options as environment variables. */}}
{{- define "granary.options" -}}
{{- $v := .root.Values }}
{{- $isMember := ne .kind "single" -}}
- {name: GRANARY_BIND, value: {{ $v.settings.bind | quote }}}
{{- if ne .kind "silo" }}
- {name: GRANARY_AMQP_PORT, value: "5672"}
- {name: GRANARY_GRPC_PORT, value: "50051"}
{{- if $v.services.proxy.enabled }}
- {name: GRANARY_PROXY_PORT, value: "5673"}
- {name: GRANARY_PROXY_NETWORKS, value: {{ join "," $v.services.proxy.networks | quote }}}
{{- end }}
{{- end }}
{{- if and (ne .kind "silo") (include "granary.tlsSecret" .root) }}
- {name: GRANARY_TLS_CERTIFICATE, value: /etc/granary/tls/tls.crt}
- {name: GRANARY_TLS_KEY, value: /etc/granary/tls/tls.key}
{{- if $v.tls.verifyPeer }}
- {name: GRANARY_TLS_CA, value: /etc/granary/tls/ca.crt}
- {name: GRANARY_TLS_VERIFY, value: verify_peer}
- {name: GRANARY_TLS_REQUIRE_CERTIFICATE, value: {{ $v.tls.requireCertificate | quote }}}
{{- end }}
- {name: GRANARY_AMQP_TLS_PORT, value: "5671"}
- {name: GRANARY_GRPC_TLS_PORT, value: "50052"}
- {name: GRANARY_HTTP_TLS_PORT, value: "15671"}
{{- end }}
- {name: GRANARY_HTTP_PORT, value: "15672"}
- {name: GRANARY_METRICS_PORT, value: "15692"}
- {name: GRANARY_DATA, value: /var/lib/granary}
- {name: GRANARY_MEMORY_WATERMARK, value: {{ $v.settings.memoryWatermark | quote }}}
- {name: GRANARY_SEND_TIMEOUT, value: {{ $v.settings.sendTimeout | int | quote }}}
- {name: GRANARY_DEFAULT_USER_FILE, value: /etc/granary/administrator/user}
- {name: GRANARY_DEFAULT_PASS_FILE, value: /etc/granary/administrator/password}
{{- if and (ne .kind "silo") (or $v.definitions.existingSecret $v.definitions.existingConfigMap) }}
- {name: GRANARY_LOAD_DEFINITIONS, value: /etc/granary/definitions}
- {name: GRANARY_DEFINITIONS_SKIP_IF_UNCHANGED, value: {{ $v.definitions.skipIfUnchanged | quote }}}
{{- end }}
{{- if eq .kind "gateway" }}
- {name: GRANARY_DRAIN_TIME, value: {{ .values.drainTime | int | quote }}}
{{- end }}
{{- if $isMember }}
- {name: GRANARY_ROLE, value: {{ .kind }}}
- {name: GRANARY_STORE, value: postgres}
- name: GRANARY_CONNECTION
  valueFrom:
    secretKeyRef: {name: {{ include "granary.postgresSecret" .root }}, key: {{ ternary $v.postgres.secretKey "connection" (ne $v.postgres.existingSecret "") | quote }}}
# A database that is installed, or started again, at the same time.
- {name: GRANARY_CONNECTION_WAIT, value: "60"}
- {name: GRANARY_CLUSTER_ID, value: {{ default (include "granary.fullname" .root) $v.cluster.id | quote }}}
- {name: GRANARY_SILO_PORT, value: "11111"}
- name: GRANARY_ADVERTISE
  valueFrom:
    fieldRef: {fieldPath: status.podIP}
{{- if $v.cluster.insecure }}
- {name: GRANARY_INSECURE_CLUSTER, value: "true"}
{{- else }}
- {name: GRANARY_SILO_CERTIFICATE, value: /etc/granary/members/tls.crt}
- {name: GRANARY_SILO_KEY, value: /etc/granary/members/tls.key}
- {name: GRANARY_SILO_CA, value: /etc/granary/members/ca.crt}
- {name: GRANARY_SILO_NAME, value: {{ $v.cluster.tls.name | quote }}}
{{- end }}
{{- else }}
- {name: GRANARY_ROLE, value: both}
- {name: GRANARY_STORE, value: files}
{{- end }}
{{- end }}

{{/*
A pod's securityContext: root, context. Container runtimes of 2021, when Kubernetes 1.20 was new (Docker before 20.10.10), have a seccomp profile that refuses clone3 with
EPERM instead of ENOSYS. Threads of glibc 2.34 and later, and so .NET itself ("Failed to create CoreCLR"), do not start under it.
*/}}
{{- define "granary.podSecurity" -}}
{{- $old := semverCompare ">=1.0-0 <1.24-0" .root.Capabilities.KubeVersion.Version }}
{{- $context := deepCopy (.context | default dict) }}
{{- if not (or $old (hasKey $context "seccompProfile")) }}
{{- $_ := set $context "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{- define "granary.trialImage" -}}
{{- with .Values.postgres.trial.image }}{{ .repository }}:{{ .tag }}{{ end }}
{{- end }}
