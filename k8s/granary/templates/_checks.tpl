{{/* What values.schema.json cannot see, because several values are at odds. Each sentence says what to do. */}}
{{- define "granary.checks" -}}
{{- $v := .Values }}
{{- range list "administrator" "cluster" "dashboard" "definitions" "gatewayApi" "gateways" "image" "ingress" "networkPolicy" "postgres" "prometheusRule" "serviceAccount" "serviceMonitor" "services" "settings" "silos" "single" "tls" }}
{{- if not (hasKey $v .) }}
{{- fail (printf "The values have no %s: helm upgrade --reuse-values takes them from an older version of the chart, which did not have it. Use --reset-then-reuse-values, or --values with a file." .) }}
{{- end }}
{{- end }}
{{- $name := include "granary.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
{{- fail (printf "Kubernetes would refuse %q as the name of a Service, which begins with a letter and has only lower-case letters, digits and dashes: give the release another name, or set fullnameOverride." $name) }}
{{- end }}
{{- if eq $v.mode "cluster" }}
{{- include "granary.checkPostgres" . }}
{{- include "granary.checkGateways" . }}
{{- include "granary.checkMembers" . }}
{{- else }}
{{- if or $v.gateways.autoscaling.enabled $v.gateways.keda.enabled }}
{{- fail "One pod with files on a volume cannot be scaled: set mode to cluster, or leave gateways.autoscaling and gateways.keda out." }}
{{- end }}
{{- if or $v.postgres.existingSecret $v.postgres.trial.enabled }}
{{- fail "mode single keeps its messages in files on a volume, and would not use PostgreSQL: set mode to cluster, or leave postgres.existingSecret and postgres.trial.enabled out." }}
{{- end }}
{{- end }}
{{- include "granary.checkTls" . }}
{{- if regexMatch "^(127\\.|::1$)" $v.settings.bind }}
{{- fail (printf "settings.bind %s is a pod's own loopback: neither probes nor clients would reach the pods. Set it to 0.0.0.0 or ::, or leave it out." $v.settings.bind) }}
{{- end }}
{{- if and (not $v.administrator.existingSecret) (eq $v.administrator.usernameKey $v.administrator.passwordKey) }}
{{- fail "administrator.usernameKey and passwordKey are the same, and a secret has one value under a key: give them different names." }}
{{- end }}
{{- if and $v.definitions.existingSecret $v.definitions.existingConfigMap }}
{{- fail "definitions.existingSecret and definitions.existingConfigMap both say what is imported: leave one of them out." }}
{{- end }}
{{- if and $v.services.proxy.enabled (not $v.services.proxy.networks) }}
{{- fail "services.proxy.networks is empty: the PROXY protocol is believed from nobody. Name the networks of the load balancers, such as 10.0.0.0/8." }}
{{- end }}
{{- range $name, $service := omit $v.services "metrics" }}
{{- if and (include "granary.tlsSecret" $) (hasKey $service "tlsPort") (eq (int $service.port) (int $service.tlsPort)) }}
{{- fail (printf "services.%s.port and tlsPort are both %d: a Service has one of them for TLS and the other one without." $name (int $service.port)) }}
{{- end }}
{{- if and (dig "enabled" true $service) (eq $service.type "ClusterIP") (or $service.nodePort $service.externalTrafficPolicy) }}
{{- fail (printf "services.%s.nodePort and externalTrafficPolicy are for the types NodePort and LoadBalancer: set services.%s.type, or leave them out." $name $name) }}
{{- end }}
{{- if and (dig "enabled" true $service) (ne $service.type "LoadBalancer") $service.loadBalancerSourceRanges }}
{{- fail (printf "services.%s.loadBalancerSourceRanges is for the type LoadBalancer: set services.%s.type, or leave it out." $name $name) }}
{{- end }}
{{- end }}
{{- range $name, $ingress := $v.ingress }}
{{- if and $ingress.enabled (not $ingress.host) }}
{{- fail (printf "ingress.%s.host is empty: name the host that the Ingress is for." $name) }}
{{- end }}
{{- end }}
{{- if and (or $v.gatewayApi.management.enabled $v.gatewayApi.grpc.enabled) (not $v.gatewayApi.parentRefs) }}
{{- fail "gatewayApi.parentRefs is empty: name the Gateway that the routes belong to, such as [{name: public}]." }}
{{- end }}
{{- end }}

{{- define "granary.checkPostgres" -}}
{{- $p := .Values.postgres }}
{{- if and $p.existingSecret $p.trial.enabled }}
{{- fail "postgres.existingSecret names a PostgreSQL, and postgres.trial.enabled makes another: leave one of them out." }}
{{- end }}
{{- if not (or $p.existingSecret $p.trial.enabled) }}
{{- fail "A cluster needs a PostgreSQL: postgres.existingSecret names a secret with its connection string, or postgres.trial.enabled makes a small one for trials." }}
{{- end }}
{{- $gateways := include "granary.mostGateways" . | int }}
{{- $silos := .Values.silos.replicas | int }}
{{- /* A silo has up to 16 connections. A gateway has 2, and 2 more while it starts; there is one more of them during an upgrade. */}}
{{- $needed := add (mul 16 $silos) (mul 4 (add 1 $gateways)) }}
{{- $there := sub ($p.maxConnections | int) ($p.reservedConnections | int) }}
{{- if gt $needed $there }}
{{- fail (printf "PostgreSQL has too few connections: %d silos (16 each) and up to %d gateways (4 each, and one more during an upgrade) may need %d, and %d are left of postgres.maxConnections %d without the %d of postgres.reservedConnections. Raise max_connections of the server and postgres.maxConnections, or allow fewer pods." $silos $gateways $needed $there (int $p.maxConnections) (int $p.reservedConnections)) }}
{{- end }}
{{- end }}

{{- define "granary.checkGateways" -}}
{{- $g := .Values.gateways }}
{{- if and $g.autoscaling.enabled $g.keda.enabled }}
{{- fail "gateways.autoscaling and gateways.keda would both set the number of gateways: leave one of them out." }}
{{- end }}
{{- range $name, $scaling := dict "autoscaling" $g.autoscaling "keda" $g.keda }}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- fail (printf "gateways.%s.minReplicas (%d) is more than its maxReplicas (%d)." $name (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{- end }}
{{- end }}
{{- if and $g.autoscaling.enabled (not (or $g.autoscaling.targetCPUUtilizationPercentage $g.autoscaling.targetConnections)) }}
{{- fail "gateways.autoscaling has nothing to go by: set targetCPUUtilizationPercentage or targetConnections." }}
{{- end }}
{{- if and $g.autoscaling.enabled $g.autoscaling.targetCPUUtilizationPercentage (not (dig "requests" "cpu" "" $g.resources)) }}
{{- fail "gateways.autoscaling.targetCPUUtilizationPercentage is a share of gateways.resources.requests.cpu, which is not set." }}
{{- end }}
{{- if and $g.keda.enabled (not (or $g.keda.prometheus.serverAddress $g.keda.triggers)) }}
{{- fail "gateways.keda has nothing to go by: set prometheus.serverAddress, or triggers." }}
{{- end }}
{{- $least := add (int $g.drainTime) 20 }}
{{- if and $g.terminationGracePeriodSeconds (lt (int $g.terminationGracePeriodSeconds) (int $least)) }}
{{- fail (printf "gateways.terminationGracePeriodSeconds (%d) would kill gateways that still serve: after the %d s of gateways.drainTime they take up to 20 s to close their clients. Set it to %d or more, or leave it out." (int $g.terminationGracePeriodSeconds) (int $g.drainTime) (int $least)) }}
{{- end }}
{{- end }}

{{- define "granary.checkTls" -}}
{{- $t := .Values.tls }}
{{- if and $t.existingSecret $t.certManager.enabled }}
{{- fail "tls.existingSecret names a secret, and tls.certManager makes one: leave one of them out." }}
{{- end }}
{{- if and $t.certManager.enabled (not $t.certManager.issuerRef.name) }}
{{- fail "tls.certManager.issuerRef.name is empty: name the Issuer or ClusterIssuer that signs." }}
{{- end }}
{{- if and $t.verifyPeer (not (include "granary.tlsSecret" .)) }}
{{- fail "tls.verifyPeer asks clients for certificates, and TLS is not spoken with them: set tls.existingSecret or tls.certManager." }}
{{- end }}
{{- if and $t.requireCertificate (not $t.verifyPeer) }}
{{- fail "tls.requireCertificate refuses clients without a certificate, and needs tls.verifyPeer, which asks for one." }}
{{- end }}
{{- end }}

{{- define "granary.checkMembers" -}}
{{- $c := .Values.cluster }}
{{- if and $c.insecure $c.tls.existingSecret }}
{{- fail "cluster.insecure lets in whoever reaches the silos' port, cluster.tls.existingSecret those with a certificate alone: leave one of them out." }}
{{- end }}
{{- if not (or $c.insecure $c.tls.existingSecret (eq 3 (list $c.tls.certificateKey $c.tls.keyKey $c.tls.caKey | uniq | len))) }}
{{- fail "cluster.tls.certificateKey, keyKey and caKey are not three names, and a secret has one value under a key: give them different ones." }}
{{- end }}
{{- if and $c.tls.rotation (or $c.insecure $c.tls.existingSecret) }}
{{- fail "cluster.tls.rotation changes the CA that the chart has made, and there is none: with cluster.tls.existingSecret, whoever made the secret renews it." }}
{{- end }}
{{- end }}
