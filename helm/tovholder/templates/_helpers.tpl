{{/* Names, labels and the parts that several templates share. The file's name is Helm's convention. */}}

{{- define "tovholder.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tovholder.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tovholder.labels" -}}
{{ include "tovholder.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: tovholder
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tovholder.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "tovholder.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "tovholder.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The Deployments as a map name → settings, each with `runs`: the services its process carries. */}}
{{- define "tovholder.deployments" -}}
{{- $deployments := dict -}}
{{- if eq .Values.mode "all" -}}
{{- $_ := set $deployments "all" (mergeOverwrite (deepCopy .Values.defaults) (dict "runs" (keys .Values.services | sortAlpha))) -}}
{{- else -}}
{{- range $name, $overrides := .Values.services -}}
{{- $_ := set $deployments $name (mergeOverwrite (deepCopy $.Values.defaults) (deepCopy ($overrides | default dict)) (dict "runs" (list $name))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $deployments -}}
{{- end -}}

{{/* The name of the Deployment that carries a service: (dict "root" $ "service" name). */}}
{{- define "tovholder.carrier" -}}
{{- if eq .root.Values.mode "all" -}}all{{- else -}}{{- .service -}}{{- end -}}
{{- end -}}

{{/* The settings as environment variables, name: value. Never a secret: those are files. */}}
{{- define "tovholder.environment" -}}
{{- $gateway := .Values.config.gatewayUrl -}}
{{- if and (not $gateway) (not .Values.ingress.enabled) -}}
{{- fail "config.gatewayUrl must be set when ingress.enabled is false: it is the public address that links begin with." -}}
{{- end -}}
{{- $urls := dict -}}
{{- range $name, $_ := .Values.services -}}
{{- $_ := set $urls $name (printf "http://%s-%s:8080" (include "tovholder.fullname" $) (include "tovholder.carrier" (dict "root" $ "service" $name))) -}}
{{- end -}}
TOVHOLDER_HOST: "0.0.0.0"
TOVHOLDER_PORT: "8080"
TOVHOLDER_DATABASE_HOST: {{ .Values.config.database.host | quote }}
TOVHOLDER_DATABASE_PORT: {{ .Values.config.database.port | quote }}
TOVHOLDER_DATABASE_NAME: {{ .Values.config.database.name | quote }}
TOVHOLDER_SECRETS_FOLDER: /run/secrets/tovholder
TOVHOLDER_BUS: kafka
TOVHOLDER_KAFKA_BOOTSTRAP: {{ .Values.config.kafka.bootstrap | quote }}
TOVHOLDER_KAFKA_SECURITY: {{ .Values.config.kafka.security }}
TOVHOLDER_PARTITIONS: {{ .Values.config.partitions | quote }}
TOVHOLDER_ISSUER: {{ .Values.config.issuer | quote }}
TOVHOLDER_AUDIENCE: {{ .Values.config.audience | quote }}
TOVHOLDER_GATEWAY_URL: {{ $gateway | default (printf "https://%s" .Values.ingress.host) | quote }}
TOVHOLDER_PORTAL_URL: {{ $gateway | default (printf "https://%s" .Values.ingress.host) | quote }}
TOVHOLDER_SERVICE_URLS: {{ $urls | toJson | squote }}
{{- with .Values.config.smtp.host }}
TOVHOLDER_SMTP_HOST: {{ . | quote }}
TOVHOLDER_SMTP_PORT: {{ $.Values.config.smtp.port | quote }}
TOVHOLDER_SMTP_TLS: {{ $.Values.config.smtp.tls }}
TOVHOLDER_SMTP_SENDER: {{ $.Values.config.smtp.sender | quote }}
{{- end }}
{{- if .Values.letters.enabled }}
TOVHOLDER_LETTERS_FOLDER: {{ include "tovholder.lettersFolder" . }}
TOVHOLDER_LETTER_SENDERS: {{ .Values.letters.senders | toJson | quote }}
{{- end }}
{{- range $name, $value := .Values.config.extra }}
{{- if has $name (list "TOVHOLDER_LETTERS_FOLDER" "TOVHOLDER_LETTER_SENDERS") }}
{{- fail (printf "%s is no further setting: say it under `letters`, which brings the volume." $name) }}
{{- end }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "tovholder.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tovholder.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "tovholder.volumeMounts" -}}
- {name: secrets, mountPath: /run/secrets/tovholder, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Given existingSecret and sealing. 0440 with fsGroup: readable by the process and by nobody else. */}}
{{- define "tovholder.volumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret: {name: {{ .existingSecret | quote }}}
      {{- if and .sealing .sealing.keys }}
      - secret:
          name: {{ .sealing.existingSecret | quote }}
          # A Secret's keys cannot hold a slash, so each is given its path.
          items:
            {{- range .sealing.keys }}
            - {key: {{ . | quote }}, path: {{ printf "sealing/%s" . | quote }}}
            {{- end }}
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end -}}

{{- define "tovholder.lettersFolder" -}}
/var/lib/tovholder/letters
{{- end -}}

{{- define "tovholder.lettersClaim" -}}
{{- .Values.letters.existingClaim | default (printf "%s-letters" (include "tovholder.fullname" .)) -}}
{{- end -}}

{{/* "true" for the Deployment that writes letters, while they are on: (dict "root" $ "service" its settings). */}}
{{- define "tovholder.writesLetters" -}}
{{- if and .root.Values.letters.enabled (has "notifications" .service.runs) -}}true{{- end -}}
{{- end -}}

{{- define "tovholder.egress" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What the two containers of the migration share. Settings are written out: on a first install no ConfigMap exists yet. */}}
{{- define "tovholder.migrationContainer" -}}
image: {{ include "tovholder.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- range $name, $value := include "tovholder.environment" . | fromYaml }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- include "tovholder.kafkaUser" (dict "root" . "name" "administrator") | nindent 2 }}
resources: {{- toYaml .Values.migration.resources | nindent 2 }}
securityContext:
  {{- include "tovholder.containerSecurityContext" . | nindent 2 }}
volumeMounts:
  {{- include "tovholder.volumeMounts" . | nindent 2 }}
{{- end -}}

{{/* Who a process is to the broker: (dict "root" $ "name" name). Nothing without SASL. */}}
{{- define "tovholder.kafkaUser" -}}
{{- if hasPrefix "SASL" .root.Values.config.kafka.security -}}
- {name: TOVHOLDER_KAFKA_USER, value: tovholder-{{ .name }}}
{{- end -}}
{{- end -}}
