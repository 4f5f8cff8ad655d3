variable "cluster_name" {
  description = "EKS cluster whose pods get the writer's role by Pod Identity; null makes no role and no association."
  type        = string
  default     = null
}

variable "namespace" {
  description = "Namespace of the daemon."
  type        = string
  default     = "token-refresher"
}

variable "service_account" {
  description = "Service account of the daemon."
  type        = string
  default     = "token-refresher"
}

variable "token_prefix" {
  description = "How the names of all token secrets begin. No state secret may begin so: readers may read all of these."
  type        = string
  default     = "payments/"
}

variable "state_prefix" {
  description = "How the names of the chains' state secrets begin."
  type        = string
  default     = "token-refresher/state/"
}

variable "credentials_prefix" {
  description = "How the names of the secrets with credentials begin (awsSecret in the configuration)."
  type        = string
  default     = "credentials/"
}

variable "kms_key_arn" {
  description = "Customer-managed key of the secrets; null for aws/secretsmanager, which needs no permission."
  type        = string
  default     = null
}
