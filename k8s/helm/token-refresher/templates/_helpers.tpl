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

{{/* (list $ LABELS): the chart's own win over the user's, or nothing would be selected; those of one object over those of all. */}}
{{- define "token-refresher.labels" -}}
{{- $more := index . 1 -}}
{{- with index . 0 -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63)
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge $own (include "token-refresher.selectorLabels" . | fromYaml) $more .Values.commonLabels (dict "app.kubernetes.io/part-of" "token-refresher")) -}}
{{- end -}}
{{- end }}

{{/* metadata of an object: (list $ SUFFIX LABELS ANNOTATIONS) */}}
{{- define "token-refresher.metadata" -}}
{{- $root := index . 0 -}}
name: {{ printf "%s%s" (include "token-refresher.fullname" $root) (index . 1) | quote }}
namespace: {{ include "token-refresher.namespace" $root | quote }}
labels:
  {{- include "token-refresher.labels" (list $root (index . 2)) | nindent 2 }}
{{- with merge (dict) (index . 3) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "token-refresher.port" -}}
{{- (.Values.config.http | default dict).port | default 8080 | int -}}
{{- end }}

{{- define "token-refresher.rejectionsPort" -}}
{{- .Values.config.rejections.port | default 8081 | int -}}
{{- end }}

{{/* "true" where readers' service accounts report refused tokens, which the API server vouches for; else empty. */}}
{{- define "token-refresher.hasTokenReviews" -}}
{{- if (.Values.config.rejections | default dict).allow -}}true{{- end -}}
{{- end }}

{{/* "true" where the pods share a Lease of their own cluster; else empty. */}}
{{- define "token-refresher.hasLease" -}}
{{- $coordination := .Values.config.coordination | default dict -}}
{{- if and (eq ($coordination.kind | default "none") "kubernetes") (not $coordination.apiServer) -}}true{{- end -}}
{{- end }}

{{/*
What the configuration publishes to Secrets of the pods' own cluster, as YAML, by namespace: names, whether there are names that
nobody knows beforehand, and whether Secrets are made. A list of places is known by its names alone, so that each is looked up.
*/}}
{{- define "token-refresher.kubernetesSecrets" -}}
{{- $root := . -}}
{{- $config := .Values.config -}}
{{- $short := merge (dict) ($config.store | default dict) (dict "kind" "aws-secrets-manager") -}}
{{- $places := $config.stores | default (dict $short.kind $short) -}}
{{- $everywhere := $config.publish | default (dict "to" (keys $places | sortAlpha | first)) -}}
{{- $found := dict -}}
{{- range $provider := $config.providers -}}
{{- $publish := $provider.places | default $everywhere -}}
{{- $authorityKind := (get $places $publish.to | default dict).kind -}}
{{- range $index, $name := prepend ($publish.mirrors | default list) $publish.to -}}
{{- $place := get $places $name | default dict -}}
{{- if and (eq ($place.kind | default "") "kubernetes-secret") (not $place.apiServer) -}}
{{- $customers := ternary $provider.customers list (kindIs "slice" $provider.customers) -}}
{{- $isDiscovered := and $provider.customers (not $customers) -}}
{{- $secrets := list -}}
{{- range $customer := $customers -}}
{{- $secret := $customer.secret | default $provider.secret | replace "{customer}" $customer.name -}}
{{- $state := $customer.stateSecret | default $provider.stateSecret | default (printf "%s-state" $secret) | replace "{customer}" $customer.name -}}
{{- $secrets = concat $secrets (list $secret) (ternary (list $state) list (eq $index 0)) -}}
{{- else -}}
{{- $state := $provider.stateSecret | default (printf "%s-state" $provider.secret) -}}
{{- $secrets = concat (list $provider.secret) (ternary (list $state) list (eq $index 0)) -}}
{{- end -}}
{{- range $secret := $secrets -}}
{{- $taken := include "token-refresher.kubernetesName" (list $secret (ne $authorityKind "kubernetes-secret")) -}}
{{- $parts := splitList "/" $taken -}}
{{- $namespace := ternary (first $parts) ($place.namespace | default (include "token-refresher.namespace" $root)) (gt (len $parts) 1) -}}
{{- if and $root.Values.rbac.secrets (contains "{customer}" $namespace) -}}
{{- fail (printf "config.providers: %s publishes to namespaces that are discovered (%s), and a Role belongs to one namespace: set rbac.secrets: false and make the Roles yourself" $provider.name $secret) -}}
{{- end -}}
{{- $own := get $found $namespace | default (dict "names" list "any" false "create" false) -}}
{{- if $isDiscovered -}}
{{- $own = set $own "any" true -}}
{{- else -}}
{{- $own = set $own "names" (append $own.names (last $parts) | uniq | sortAlpha) -}}
{{- end -}}
{{- $_ := set $found $namespace (set $own "create" (or $own.create ($place.createSecrets | default false))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $namespace, $own := ternary $found dict .Values.rbac.secrets -}}
{{- if and $own.any (eq $namespace (include "token-refresher.namespace" $root)) -}}
{{- fail (printf "config: customers are discovered, so their Secrets need a namespace of their own, and %s has the daemon's credentials: name another one in `secret` (NAMESPACE/{customer}) or in the place's `namespace`" $namespace) -}}
{{- end -}}
{{- if and $own.any $own.names -}}
{{- fail (printf "config: customers are discovered, so their Secrets need a namespace of their own, and %s has %s as well: name another one in `secret` (NAMESPACE/{customer}) or in the place's `namespace`" $namespace (join ", " $own.names)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}

{{/* A Secret's name; what another kind of store calls so is named as the store's mirrorOf does it: (list NAME IS_OF_ANOTHER_KIND) */}}
{{- define "token-refresher.kubernetesName" -}}
{{- $name := index . 0 -}}
{{- if index . 1 -}}
{{- $name = regexReplaceAll "[^a-z0-9.{}-]" (lower $name) "-" -}}
{{- $name = regexReplaceAll "[.-]*[.][.-]*" $name "." | trunc 253 -}}
{{- $name = regexReplaceAll "^[^a-z0-9{]+|[^a-z0-9}]+$" $name "" -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* "true" where the pods call the API server of their own cluster; else empty. */}}
{{- define "token-refresher.callsApiServer" -}}
{{- if or (include "token-refresher.hasLease" .) (include "token-refresher.hasTokenReviews" .) (ne (include "token-refresher.kubernetesSecrets" .) "{}") -}}true{{- end -}}
{{- end }}

{{- define "token-refresher.leaseNamespace" -}}
{{- (.Values.config.coordination | default dict).namespace | default (include "token-refresher.namespace" .) -}}
{{- end }}

{{/* "true" where pods would find the journal of another pod: it is for one process at a time. */}}
{{- define "token-refresher.sharesJournal" -}}
{{- $volume := .Values.journal.volume -}}
{{- if and .Values.config.journal $volume (not (or (hasKey $volume "emptyDir") (hasKey $volume "ephemeral") (hasKey $volume "csi"))) -}}true{{- end -}}
{{- end }}

{{/* Ports beside 443 of the URLs in configuration and variables: alert sinks, providers, endpoints, a proxy. Nobody calls `source` and `runbookUrl` but people, and a loopback needs no policy. */}}
{{- define "token-refresher.egressPorts" -}}
{{- $urls := regexReplaceAll "\"(?:source|runbookUrl)\":\"[^\"]*\"" (list (omit .Values.config "http") .Values.env | toJson) "" -}}
{{- $ports := list -}}
{{- range regexFindAll "\"https?://(?:[^/\"?#@]*@)?(?:\\[[^\\]]*\\]|[^/\"?#:]+)(?::[0-9]+)?" $urls -1 -}}
{{- if not (regexMatch "//(?:localhost|127\\.[0-9.]+|\\[::1\\])(?::|$)" .) -}}
{{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "\"https" .)) -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- end -}}
{{- without (uniq $ports) 443 | toJson -}}
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
{{- range $key, $value := .Values -}}
{{- /* toYaml makes an empty text of a value with such a character, and says nothing. JSON has the separators of lines as escapes. */ -}}
{{- if regexMatch `[\x7f-\x{9f}\x{fffe}\x{ffff}]|(?:^|[^\\])(?:\\\\)*\\u202[89]` (toJson $value) -}}
{{- fail (printf "%s contains a character that Helm cannot pass on (U+007F to U+009F, U+2028, U+2029, U+FFFE or U+FFFF): take it out" $key) -}}
{{- end -}}
{{- end -}}
{{- $config := .Values.config -}}
{{- if not $config.providers -}}
{{- fail "config.providers is missing: name at least one provider, as in docs/install-helm.md (docs/configuration.md explains all options)" -}}
{{- end -}}
{{- if .Values.cronJob.enabled -}}
{{- $needs := dict "config.rejections" $config.rejections "podMonitor.enabled" .Values.podMonitor.enabled "prometheusRule.enabled" .Values.prometheusRule.enabled "config.publish.mirrors" ($config.publish | default dict).mirrors -}}
{{- range $config.providers -}}
{{- $_ := set $needs (printf "places.mirrors of %s" .name) (.places | default dict).mirrors -}}
{{- end -}}
{{- range $what, $isThere := $needs -}}
{{- if $isThere -}}
{{- fail (printf "cronJob.enabled leaves nothing that runs between two jobs, and %s needs that: take out one of the two" $what) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $name := include "token-refresher.fullname" . -}}
{{- if and (or .Values.cronJob.enabled $config.rejections) (gt (len $name) 52) -}}
{{- fail (printf "the installation would be called %q, which is too long for %s: set fullnameOverride, to 52 characters at most" $name (ternary "a CronJob" "the Service NAME-rejections" .Values.cronJob.enabled)) -}}
{{- end -}}
{{- $kind := ($config.coordination | default dict).kind | default "none" -}}
{{- if and (not .Values.cronJob.enabled) (eq $kind "none") (gt (int .Values.replicas) 1) -}}
{{- fail (printf "config.coordination.kind is none and replicas is %d: each replica would refresh every token; set replicas: 1, or kind: kubernetes" (int .Values.replicas)) -}}
{{- end -}}
{{- if and $config.rejections .Values.networkPolicy.enabled (not .Values.networkPolicy.rejectionsFrom) -}}
{{- fail "config.rejections is set and networkPolicy.rejectionsFrom names nobody: no reader could report a refused token; name the namespaces of the readers" -}}
{{- end -}}
{{- with $config.journal -}}
{{- $dir := clean .dir -}}
{{- /* A volume there would hide what the image has, or lie inside the volume of the configuration, which nothing is made in. */ -}}
{{- if or (not (isAbs $dir)) (regexMatch "^/(?:app(?:/(?:bin|config|dist|docs))?|bin|dev|etc(?:/token-refresher(?:/.*)?)?|lib(?:64)?|proc|sbin|sys|usr(?:/(?:bin|lib|local(?:/(?:bin|lib))?))?)?$" (dir $dir)) -}}
{{- fail (printf "config.journal.dir is %q: the chart mounts a volume in the folder around it; name a folder in a folder of its own, like /journal/token-refresher" .dir) -}}
{{- end -}}
{{- end -}}
{{- if and (include "token-refresher.sharesJournal" .) (gt (int .Values.replicas) 1) -}}
{{- fail (printf "journal.volume is a volume that all pods share, and replicas is %d: a journal is for one process; set replicas: 1, or take a volume that each pod has for itself (emptyDir, ephemeral)" (int .Values.replicas)) -}}
{{- end -}}
{{- range $section, $port := dict "http" 8080 "rejections" 8081 -}}
{{- with index $config $section -}}
{{- if regexMatch "^(localhost|127\\..*|::1)$" (.host | default "") -}}
{{- fail (printf "config.%s.host is %s: nothing outside of the pod reaches it%s; leave it out" $section .host (ternary ", and the kubelet would restart the pod again and again" "" (eq $section "http"))) -}}
{{- end -}}
{{- if and (hasKey . "port") (eq (int .port) 0) -}}
{{- fail (printf "config.%s.port is 0, any free port, which neither probes nor Service would know: name one, or leave it out for %d" $section $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
