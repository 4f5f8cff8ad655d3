output "writer_role_arn" {
  description = "Role of the daemon; null without a cluster."
  value       = one(aws_iam_role.writer[*].arn)
}

output "policy_arns" {
  description = "ARN of each policy: writer, reader, and with a key writer-kms and reader-kms."
  value       = { for name, policy in aws_iam_policy.this : name => policy.arn }
}
