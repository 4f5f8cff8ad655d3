{{/* spec of a pod: (list $ IS_ONCE) */}}
{{- define "token-refresher.podSpec" -}}
{{- $isOnce := index . 1 -}}
{{- with index . 0 -}}
{{- $ := . -}}
{{- $name := include "token-refresher.fullname" . -}}
{{- $journal := (.Values.config.journal | default dict).dir -}}
{{- $given := list -}}
{{- range .Values.env -}}
{{- $given = append $given .name -}}
{{- end -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "token-refresher.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ eq (include "token-refresher.callsApiServer" .) "true" }} # for the Lease, Secrets and the identity of readers
enableServiceLinks: false # the names of other services are none of its business
terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
{{- if $isOnce }}
restartPolicy: OnFailure # in the same pod, whose journal has what a killed container could not save
{{- end }}
{{- range $field := list "priorityClassName" "runtimeClassName" "dnsPolicy" "dnsConfig" "hostAliases" "nodeSelector" "tolerations" "affinity" "initContainers" }}
{{- with index $.Values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- if and (kindIs "invalid" .Values.topologySpreadConstraints) (not $isOnce) }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "token-refresher.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- else if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
containers:
  - name: token-refresher
    image: {{ include "token-refresher.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    {{- if $isOnce }}
    args: [run, --once]
    {{- end }}
    env:
      # What is in `env` too is left out: of two entries with one name, a server-side apply takes none.
      {{- if not (has "TOKEN_REFRESHER_CONFIG" $given) }}
      - name: TOKEN_REFRESHER_CONFIG
        value: /etc/token-refresher/config.yaml
      {{- end }}
      {{- if not (has "TOKEN_REFRESHER_LEASE_NAME" $given) }}
      - name: TOKEN_REFRESHER_LEASE_NAME # the Role's, unless the configuration names another
        value: {{ $name | quote }}
      {{- end }}
      {{- if not (has "POD_NAME" $given) }}
      - name: POD_NAME # who holds the Lease, for people
        valueFrom:
          fieldRef:
            apiVersion: v1 # as the API server fills it in: left out, a server-side apply finds a conflict
            fieldPath: metadata.name
      {{- end }}
      {{- if not (has "POD_NAMESPACE" $given) }}
      - name: POD_NAMESPACE # for the command in alerts that makes their links work
        valueFrom:
          fieldRef:
            apiVersion: v1
            fieldPath: metadata.namespace
      {{- end }}
      {{- if and .Values.config.rejections (not (has "POD_IP" $given)) }}
      - name: POD_IP # where a standby finds the leader, to which it passes reports on
        valueFrom:
          fieldRef:
            apiVersion: v1
            fieldPath: status.podIP
      {{- end }}
      {{- if not (has "AWS_EC2_METADATA_DISABLED" $given) }}
      - name: AWS_EC2_METADATA_DISABLED # the pod's own role or none, never the node's
        value: "true"
      {{- end }}
      {{- with .Values.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with .Values.envFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if not $isOnce }}
    ports:
      - name: http
        containerPort: {{ include "token-refresher.port" . }}
      {{- if .Values.config.rejections }}
      - name: rejections
        containerPort: {{ include "token-refresher.rejectionsPort" . }}
      {{- end }}
    startupProbe:
      httpGet: { path: /livez, port: http }
      {{- toYaml .Values.probes.startup | nindent 6 }}
    livenessProbe: # fails when the program itself is stuck, never because of a provider or of AWS
      httpGet: { path: /livez, port: http }
      {{- toYaml .Values.probes.liveness | nindent 6 }}
    readinessProbe: # standbys are ready too
      httpGet: { path: /readyz, port: http }
      {{- toYaml .Values.probes.readiness | nindent 6 }}
    {{- end }}
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      {{- toYaml .Values.securityContext | nindent 6 }}
    volumeMounts:
      - name: config
        mountPath: /etc/token-refresher
        readOnly: true
      {{- if $journal }}
      - name: journal
        mountPath: {{ clean $journal | dir | quote }}
      {{- end }}
      {{- with .Values.volumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- with .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ printf "%s-config" $name | quote }}
  {{- if $journal }}
  - name: journal
    {{- toYaml (.Values.journal.volume | default (dict "emptyDir" (dict "medium" "Memory" "sizeLimit" .Values.journal.sizeLimit))) | nindent 4 }}
  {{- end }}
  {{- with .Values.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
