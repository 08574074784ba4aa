# URLs with passwords are secret in full. Containers get them from ECS, machines read theirs; neither is in a task definition
# or in user data. The passwords are in Terraform's state as well.

resource "random_password" "database" {
  length = 40
  # It is part of a URL.
  special = false
}

resource "random_password" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  length  = 40
  special = false
}

locals {
  secrets = {
    CATALOG_URL = format(
      "postgresql://%s:%s@%s:%d/%s?sslmode=verify-full&sslrootcert=%s/database.pem",
      aws_db_instance.catalog.username, random_password.database.result, aws_db_instance.catalog.address,
      aws_db_instance.catalog.port, aws_db_instance.catalog.db_name, local.certificates_folder
    )
    # Rows of deleted jobs stay for four hours, so that volumes' snapshots have what an earlier catalog counts (docs/DEPLOYMENT.md, "Backup").
    DATABASE_URL = local.makes_clickhouse ? format(
      "clickhouses://%s:%s@%s:8443/%s?cluster=%s&sslrootcert=%s/clickhouse.pem&purge_after_seconds=14400",
      local.clickhouse_user, one(random_password.clickhouse[*].result), local.clickhouse_host, local.clickhouse_database,
      local.clickhouse_cluster, local.certificates_folder
    ) : var.clickhouse_url
  }
}

resource "aws_secretsmanager_secret" "setting" {
  for_each = toset(["CATALOG_URL", "DATABASE_URL"])

  name                    = "${var.name}/${each.key}"
  description             = "Setting ${each.key} of tripstore's processes"
  recovery_window_in_days = var.deletion_protection ? 7 : 0
}

resource "aws_secretsmanager_secret_version" "setting" {
  for_each = aws_secretsmanager_secret.setting

  secret_id     = each.value.id
  secret_string = local.secrets[each.key]
}

resource "aws_secretsmanager_secret" "clickhouse_password" {
  count = local.makes_clickhouse ? 1 : 0

  name                    = "${var.name}/clickhouse-password"
  description             = "Password of the user ${local.clickhouse_user}, for the machines of the shards"
  recovery_window_in_days = var.deletion_protection ? 7 : 0
}

resource "aws_secretsmanager_secret_version" "clickhouse_password" {
  count = local.makes_clickhouse ? 1 : 0

  secret_id     = aws_secretsmanager_secret.clickhouse_password[0].id
  secret_string = random_password.clickhouse[0].result
}
