{{- define "kubedag.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* At most 50 characters, so that every suffix of ours still fits into a label. */ -}}
{{- define "kubedag.fullname" -}}
{{- $name := include "kubedag.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Roles of the cluster: two releases of one name in two namespaces must not share them. */ -}}
{{- define "kubedag.clusterName" -}}
{{- if eq .Release.Namespace (include "kubedag.fullname" .) }}
{{- include "kubedag.fullname" . }}
{{- else }}
{{- printf "%s-%s" .Release.Namespace (include "kubedag.fullname" .) }}
{{- end }}
{{- end }}

{{- define "kubedag.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kubedag.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "kubedag.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "kubedag.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kubedag
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kubedag.operatorLabels" -}}
{{ include "kubedag.labels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "kubedag.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "kubedag.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "kubedag.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "kubedag.crdAnnotations" -}}
{{- if .Values.crds.keep }}helm.sh/resource-policy: keep{{- end }}
{{- end }}

{{- /* What the operator may do with pipelines: in the whole cluster, or in each namespace. */ -}}
{{- define "kubedag.rules" -}}
- apiGroups: [kubedag.dev]
  resources: [dags, backfills, taskpools]
  verbs: [get, list, watch]
- apiGroups: [kubedag.dev]
  resources: [dagruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [kubedag.dev]
  resources: [dags/status, dagruns/status, backfills/status, taskpools/status]
  verbs: [update]
- apiGroups: [kubedag.dev]
  resources: [dagrunslices]
  verbs: [get, list, create, update, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete, deletecollection]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, create, patch]
{{- end }}
