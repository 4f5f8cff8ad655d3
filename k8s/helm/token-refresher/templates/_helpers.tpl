{{- define "token-refresher.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end }}

{{/* The release's name is at most 53 characters and comes first, so that cutting never makes two of them equal. */}}
{{- define "token-refresher.fullname" -}}
{{- $name := include "token-refresher.name" . -}}
{{- $full := .Values.fullnameOverride -}}
{{- if not $full -}}
{{- $full = ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- fail (printf "the installation would be called %q, but a Service's name has lower-case letters, digits and hyphens and begins with a letter: set fullnameOverride" $full) -}}
{{- end -}}
{{- $full -}}
{{- end }}

{{- define "token-refresher.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end }}

{{- define "token-refresher.serviceAccountName" -}}
{{- $own := ternary (include "token-refresher.fullname" .) "default" .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end }}

{{/* Of the daemon's pods, and of no other installation's. They can never change: no version, nothing of the user's. */}}
{{- define "token-refresher.selectorLabels" -}}
app.kubernetes.io/name: {{ include "token-refresher.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: daemon
{{- end }}

{{/* The chart's own labels win over the user's, or nothing would be selected. */}}
{{- define "token-refresher.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63)
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" "token-refresher"
  "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge $own (include "token-refresher.selectorLabels" . | fromYaml) .Values.commonLabels) -}}
{{- end }}

{{/* metadata of an object: (list $ SUFFIX LABELS ANNOTATIONS) */}}
{{- define "token-refresher.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "token-refresher.fullname" $root }}{{ index . 1 }}
namespace: {{ include "token-refresher.namespace" $root }}
labels:
  {{- toYaml (merge (include "token-refresher.labels" $root | fromYaml) (index . 2)) | nindent 2 }}
{{- with merge (dict) (index . 3) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "token-refresher.port" -}}
{{- (.Values.config.http | default dict).port | default 8080 | int -}}
{{- end }}

{{/* "true" where the pods share a Lease of their own cluster; else empty. */}}
{{- define "token-refresher.hasLease" -}}
{{- $coordination := .Values.config.coordination | default dict -}}
{{- if and (eq ($coordination.kind | default "none") "kubernetes") (not $coordination.apiServer) -}}true{{- end -}}
{{- end }}

{{- define "token-refresher.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{- .Values.image.repository }}{{ with .Values.image.tag }}:{{ . }}{{ end }}@{{ .Values.image.digest -}}
{{- else -}}
{{- .Values.image.repository }}:{{ $tag -}}
{{- end -}}
{{- end }}

{{/* What no schema can say, because it is about several values. */}}
{{- define "token-refresher.check" -}}
{{- $config := .Values.config -}}
{{- if not $config.providers -}}
{{- fail "config.providers is missing: name at least one provider, as in docs/install-helm.md (docs/configuration.md explains all options)" -}}
{{- end -}}
{{- $kind := ($config.coordination | default dict).kind | default "none" -}}
{{- if and (eq $kind "none") (gt (int .Values.replicas) 1) -}}
{{- fail (printf "config.coordination.kind is none and replicas is %d: each replica would refresh every token; set replicas: 1, or kind: kubernetes" (int .Values.replicas)) -}}
{{- end -}}
{{- end }}
