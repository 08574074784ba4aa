# What is made for which variables. The providers are mocked, so nothing is created and no account is needed: terraform test.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = {
      names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:eu-central-1:123456789012:tripstore-events"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/tripstore/metrics"
    }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tripstore/secret-abcdef"
    }
  }

  mock_resource "aws_ssm_parameter" {
    defaults = {
      arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/tripstore/clickhouse/shards"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::uploads"
    }
  }
}

mock_provider "random" {}

mock_provider "tls" {}

variables {
  region               = "eu-central-1"
  image                = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tripstore:1"
  certificate_arn      = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
  database_authorities = "tests/authorities.pem"
}

run "defaults" {
  assert {
    condition     = length(aws_instance.shard) == 2 && aws_ssm_parameter.shards[0].value == "shard-0.tripstore.internal shard-1.tripstore.internal"
    error_message = "There must be two shards, and both in use."
  }

  assert {
    condition     = aws_instance.shard[0].subnet_id != aws_instance.shard[1].subnet_id
    error_message = "Two shards must be in two zones."
  }

  assert {
    condition     = aws_lb.main.internal && aws_db_instance.catalog.multi_az && aws_db_instance.catalog.storage_encrypted && !aws_db_instance.catalog.publicly_accessible
    error_message = "The load balancer must be internal, the catalog in two zones, encrypted and private."
  }

  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.load_balancer : rule.cidr_ipv4 == "10.20.0.0/16"
    ]) && length(aws_vpc_security_group_ingress_rule.load_balancer) == 2
    error_message = "Nobody outside of the network may connect."
  }

  assert {
    condition     = startswith(aws_secretsmanager_secret_version.setting["DATABASE_URL"].secret_string, "clickhouses://tripstore:") && endswith(aws_secretsmanager_secret_version.setting["DATABASE_URL"].secret_string, "@clickhouse.tripstore.internal:8443/trips?cluster=trips&sslrootcert=/certificates/clickhouse.pem&purge_after_seconds=14400")
    error_message = "DATABASE_URL must name the cluster that is made, over TLS."
  }

  assert {
    condition     = endswith(aws_secretsmanager_secret_version.setting["CATALOG_URL"].secret_string, "/tripstore?sslmode=verify-full&sslrootcert=/certificates/database.pem")
    error_message = "Processes must check that the catalog is the one that they ask."
  }

  assert {
    condition     = tls_cert_request.clickhouse[0].dns_names == tolist(["*.tripstore.internal"])
    error_message = "The machines' certificate must be for the names that they are asked by."
  }

  # What the containers need is written before they start, and no other authority.
  assert {
    condition = [
      for each in jsondecode(aws_ecs_task_definition.process["api"].container_definitions) : each.command[0] if each.name == "certificates"
    ] == ["printf '%s' \"$CLICKHOUSE\" > /certificates/clickhouse.pem\nprintf '%s' \"$DATABASE\" > /certificates/database.pem"]
    error_message = "The authorities must be written where the URLs say."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.process["api"].container_definitions)[0].dependsOn == [{ condition = "SUCCESS", containerName = "certificates" }]
    error_message = "The program must start after the authorities are written."
  }

  assert {
    condition = alltrue([
      for rule in [aws_vpc_security_group_ingress_rule.clickhouse_https[0], aws_vpc_security_group_ingress_rule.clickhouse_joining[0], aws_vpc_security_group_ingress_rule.clickhouse_native[0]] :
      contains([8443, 9440], rule.from_port) && rule.from_port == rule.to_port
    ])
    error_message = "Machines must be reachable over TLS alone."
  }

  assert {
    condition = toset([for each in jsondecode(aws_ecs_task_definition.process["worker"].container_definitions)[0].environment : "${each.name}=${each.value}"]) == toset([
      "AWS_REGION=eu-central-1", "DATA_DIR=/data", "EVENTS_URL=sns:arn:aws:sns:eu-central-1:123456789012:tripstore-events", "HOST=0.0.0.0",
      "LOG_LEVEL=info", "PORT=8000", "ROLE=worker", "UPLOADS_URL=s3://tripstore-uploads-123456789012-eu-central-1/uploads",
    ])
    error_message = "A worker's settings are not those that are expected."
  }

  assert {
    condition     = toset([for each in jsondecode(aws_ecs_task_definition.process["api"].container_definitions)[0].secrets : each.name]) == toset(["CATALOG_URL", "DATABASE_URL"])
    error_message = "URLs with passwords must come as secrets."
  }

  # Nothing that a process may do is about everything.
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.process.policy).Statement : !contains(flatten([statement.Resource]), "*")
    ])
    error_message = "A right of the processes is about all resources."
  }
}

# The two steps of adding a shard: its machine exists and has the table, then all processes query it.
run "a_shard_joins" {
  variables {
    clickhouse = { shards = 3, joining = 1 }
  }

  assert {
    condition     = length(aws_instance.shard) == 3 && length(aws_ebs_volume.shard) == 3
    error_message = "The machine of the third shard must be there."
  }

  assert {
    condition     = aws_ssm_parameter.shards[0].value == "shard-0.tripstore.internal shard-1.tripstore.internal" && length(aws_route53_record.clickhouse[0].records) == 2
    error_message = "A shard that joins must not be asked yet."
  }
}

run "a_shard_has_joined" {
  variables {
    clickhouse     = { shards = 3 }
    source_buckets = ["arn:aws:s3:::feeds"]
  }

  assert {
    condition     = endswith(aws_ssm_parameter.shards[0].value, "shard-1.tripstore.internal shard-2.tripstore.internal") && length(aws_route53_record.clickhouse[0].records) == 3
    error_message = "All three shards must be in use."
  }

  assert {
    condition = contains(flatten([
      for statement in jsondecode(aws_iam_role_policy.process.policy).Statement : statement.Resource if contains(flatten([statement.Action]), "s3:GetObject")
    ]), "arn:aws:s3:::feeds/*")
    error_message = "Jobs must be able to load from the buckets that are named."
  }
}

run "one_shard_from_a_snapshot" {
  variables {
    clickhouse = { shards = 1, snapshots_kept = 0, restore_from = { "0" = "snap-0123456789abcdef0" } }
  }

  assert {
    condition     = length(aws_instance.shard) == 1 && aws_ssm_parameter.shards[0].value == "shard-0.tripstore.internal" && length(aws_dlm_lifecycle_policy.clickhouse) == 0
    error_message = "There must be one shard, and no snapshots of it."
  }
}

# In a test of its own state: existing volumes keep what they were made of.
run "volumes_are_made_from_snapshots" {
  state_key = "restored"

  variables {
    clickhouse = { restore_from = { "1" = "snap-0123456789abcdef0" } }
  }

  assert {
    condition     = aws_ebs_volume.shard[1].snapshot_id == "snap-0123456789abcdef0" && aws_ebs_volume.shard[0].snapshot_id != "snap-0123456789abcdef0"
    error_message = "The second volume alone must be made from the snapshot."
  }
}

run "a_clickhouse_that_exists" {
  variables {
    clickhouse_url = "clickhouses://trips:secret@clickhouse.example.org:8443/trips?cluster=trips"
  }

  assert {
    condition     = length(aws_instance.shard) == 0 && length(tls_private_key.authority) == 0 && length(aws_ebs_volume.shard) == 0 && length(aws_route53_zone.internal) == 0 && length(aws_security_group.clickhouse) == 0 && length(aws_dlm_lifecycle_policy.clickhouse) == 0
    error_message = "Nothing of ClickHouse must be made where one is given."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.setting["DATABASE_URL"].secret_string == "clickhouses://trips:secret@clickhouse.example.org:8443/trips?cluster=trips"
    error_message = "DATABASE_URL must be the one that was given."
  }
}

run "a_public_load_balancer_where_people_sign_in" {
  variables {
    internal      = false
    allowed_cidrs = ["0.0.0.0/0"]
    oidc = {
      issuer                 = "https://login.example.org"
      authorization_endpoint = "https://login.example.org/authorize"
      token_endpoint         = "https://login.example.org/token"
      user_info_endpoint     = "https://login.example.org/userinfo"
      client_id              = "tripstore"
      client_secret          = "secret"
    }
  }

  assert {
    condition     = [for action in aws_lb_listener.https.default_action : action.type] == ["authenticate-oidc", "forward"]
    error_message = "People must sign in before a request gets through."
  }
}

run "one_gateway_and_spot_workers" {
  variables {
    nat_gateway_per_zone = false
    deletion_protection  = false
    worker               = { spot = true, count_max = 20 }
    api                  = { count_min = 1 }
    database             = { multi_az = false }
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 1 && length(aws_route.nat) == 2
    error_message = "Both zones must leave through one gateway."
  }

  assert {
    condition     = aws_appautoscaling_target.process["worker"].max_capacity == 20 && one(aws_ecs_service.worker.capacity_provider_strategy).capacity_provider == "FARGATE_SPOT"
    error_message = "There must be up to twenty spot workers."
  }
}

run "a_timeout_that_cuts_subscribers_off_is_refused" {
  command = plan

  variables {
    idle_timeout_seconds = 20
  }

  expect_failures = [var.idle_timeout_seconds]
}

run "no_shard_in_use_is_refused" {
  command = plan

  variables {
    clickhouse = { shards = 2, joining = 2 }
  }

  expect_failures = [var.clickhouse]
}
