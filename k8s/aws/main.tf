# The daemon's role, and the policies of daemon and readers. The policies are the JSON files beside this one, so that
# there is one text of each, whoever applies it.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  values = {
    partition          = data.aws_partition.current.partition
    region             = data.aws_region.current.name
    account_id         = data.aws_caller_identity.current.account_id
    token_prefix       = var.token_prefix
    state_prefix       = var.state_prefix
    credentials_prefix = var.credentials_prefix
    kms_key_arn        = var.kms_key_arn == null ? "" : var.kms_key_arn
  }

  policy_files = merge(
    {
      writer = "writer-policy.json"
      reader = "reader-policy.json"
    },
    var.kms_key_arn == null ? {} : {
      writer-kms = "writer-kms-policy.json"
      reader-kms = "reader-kms-policy.json"
    },
  )
}

resource "aws_iam_policy" "this" {
  for_each = local.policy_files

  name   = "token-refresher-${each.key}"
  policy = templatefile("${path.module}/${each.value}", local.values)
}

resource "aws_iam_role" "writer" {
  count = var.cluster_name == null ? 0 : 1

  name               = "token-refresher"
  assume_role_policy = templatefile("${path.module}/pod-identity-trust-policy.json", local.values)
}

resource "aws_iam_role_policy_attachment" "writer" {
  for_each = { for name, policy in aws_iam_policy.this : name => policy.arn if var.cluster_name != null && startswith(name, "writer") }

  role       = aws_iam_role.writer[0].name
  policy_arn = each.value
}

resource "aws_eks_pod_identity_association" "writer" {
  count = var.cluster_name == null ? 0 : 1

  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.writer[0].arn
}
