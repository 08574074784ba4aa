# The processes: the same image twice, as ROLE says. Any number of each runs on one catalog, so that they are replaced one by one
# and none is special.

locals {
  port = 8000

  roles = {
    api    = { cpu = var.api.cpu, memory = var.api.memory, disk_gib = var.api.disk_gib, count = var.api.count_min }
    worker = { cpu = var.worker.cpu, memory = var.worker.memory, disk_gib = var.worker.disk_gib, count = var.worker.count_min }
  }

  # What README.md, "Settings", says of each.
  settings = {
    HOST        = "0.0.0.0"
    PORT        = tostring(local.port)
    DATA_DIR    = "/data"
    UPLOADS_URL = "s3://${aws_s3_bucket.uploads.bucket}/${local.uploads_prefix}"
    EVENTS_URL  = "sns:${aws_sns_topic.events.arn}"
    LOG_LEVEL   = var.log_level
    AWS_REGION  = var.region
  }
}

resource "aws_ecs_cluster" "main" {
  name = var.name

  # How many workers run, for their scaling, is among these metrics.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_cloudwatch_log_group" "process" {
  for_each = local.roles

  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_security_group" "service" {
  name        = "${var.name}-service"
  description = "API and workers"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  security_group_id            = aws_security_group.service.id
  description                  = "HTTP from the load balancer"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_egress_rule" "service" {
  security_group_id = aws_security_group.service.id
  description       = "Catalog, ClickHouse, AWS, and the files of jobs by URL"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# MARK: What processes may do

locals {
  assume_from_ecs = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })

  # Both roles remove uploads: a worker when a job is done, an API process when one is deleted. Without ListBucket an object that is
  # gone is answered with 403, indistinguishable from a missing right.
  process_statements = concat(
    [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = ["${aws_s3_bucket.uploads.arn}/${local.uploads_prefix}/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = concat([aws_s3_bucket.uploads.arn], var.source_buckets)
      },
      {
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = [aws_sns_topic.events.arn]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.metrics.arn}:*"]
      },
    ],
    length(var.source_buckets) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [for bucket in var.source_buckets : "${bucket}/*"]
    }]
  )
}

resource "aws_iam_role" "process" {
  name               = "${var.name}-process"
  description        = "What the program itself may do"
  assume_role_policy = local.assume_from_ecs
}

resource "aws_iam_role_policy" "process" {
  name   = "process"
  role   = aws_iam_role.process.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.process_statements })
}

resource "aws_iam_role" "start" {
  name               = "${var.name}-start"
  description        = "What ECS does to start a task: pull, log, read the secrets"
  assume_role_policy = local.assume_from_ecs
}

resource "aws_iam_role_policy_attachment" "start" {
  role       = aws_iam_role.start.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "start" {
  name = "secrets"
  role = aws_iam_role.start.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = [for secret in aws_secretsmanager_secret.setting : secret.arn]
    }]
  })
}

# MARK: Tasks

resource "aws_ecs_task_definition" "process" {
  for_each = local.roles

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.process.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  # Scratch only: uploads on their way to S3, files that are being loaded.
  ephemeral_storage {
    size_in_gib = each.value.disk_gib
  }

  volume {
    name = "certificates"
  }

  container_definitions = jsonencode([
    {
      name        = "tripstore"
      image       = var.image
      essential   = true
      dependsOn   = [{ containerName = "certificates", condition = "SUCCESS" }]
      mountPoints = [{ sourceVolume = "certificates", containerPath = local.certificates_folder, readOnly = true }]
      # A worker gives its job back at a checkpoint, an API process lets requests end: seconds, at most the server's own 25. The
      # rest is for a disk that is slow.
      stopTimeout  = 120
      portMappings = [{ containerPort = local.port, protocol = "tcp" }]
      environment  = [for name, value in merge(local.settings, { ROLE = each.key }) : { name = name, value = value }]
      secrets = [
        for name, secret in aws_secretsmanager_secret.setting : { name = name, valueFrom = secret.arn }
      ]
      ulimits = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
      # Whether the process is alive; it is while PostgreSQL or a shard is unavailable, and a replacement would be no better off.
      healthCheck = {
        command     = ["CMD-SHELL", "curl -fsS http://127.0.0.1:${local.port}/health"]
        interval    = 10
        timeout     = 5
        retries     = 3
        startPeriod = 120
      }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.process[each.key].name
          "awslogs-region"        = var.region
          "awslogs-stream-prefix" = "tripstore"
          "mode"                  = "non-blocking"
        }
      }
    },
    {
      name        = "metrics"
      image       = var.collector_image
      essential   = false
      environment = [{ name = "AOT_CONFIG_CONTENT", value = yamlencode(local.collector[each.key]) }]
      # It must not take what a job needs.
      memory = 256
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.process[each.key].name
          "awslogs-region"        = var.region
          "awslogs-stream-prefix" = "metrics"
          "mode"                  = "non-blocking"
        }
      }
    },
    # Ends before the program starts: authorities are known here, and wanted there as files.
    {
      name        = "certificates"
      image       = var.image
      essential   = false
      user        = "0"
      entryPoint  = ["/bin/sh", "-euc"]
      command     = [join("\n", [for name in sort(keys(local.certificates)) : format("printf '%%s' \"$%s\" > %s/%s.pem", upper(name), local.certificates_folder, name)])]
      environment = [for name, text in local.certificates : { name = upper(name), value = text }]
      mountPoints = [{ sourceVolume = "certificates", containerPath = local.certificates_folder, readOnly = false }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.process[each.key].name
          "awslogs-region"        = var.region
          "awslogs-stream-prefix" = "certificates"
          "mode"                  = "non-blocking"
        }
      }
    },
  ])
}

# MARK: Services

resource "aws_ecs_service" "api" {
  name            = "api"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.process["api"].arn
  desired_count   = local.roles.api.count
  propagate_tags  = "SERVICE"

  # A new process takes requests before an old one is stopped.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 120

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.service.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = "tripstore"
    container_port   = local.port
  }

  lifecycle {
    # How many is for the scaling to say.
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.main,
    aws_iam_role_policy.process,
    aws_iam_role_policy.start,
    aws_iam_role_policy_attachment.start,
    aws_lb_listener.https,
    aws_route53_record.clickhouse,
    aws_secretsmanager_secret_version.setting,
    aws_volume_attachment.shard,
  ]
}

resource "aws_ecs_service" "worker" {
  name            = "worker"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.process["worker"].arn
  desired_count   = local.roles.worker.count
  propagate_tags  = "SERVICE"

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  # A spare machine that is taken away costs a job nothing but the way back to its last checkpoint.
  capacity_provider_strategy {
    capacity_provider = var.worker.spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.service.id]
  }

  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.main,
    aws_iam_role_policy.process,
    aws_iam_role_policy.start,
    aws_iam_role_policy_attachment.start,
    aws_route53_record.clickhouse,
    aws_secretsmanager_secret_version.setting,
    aws_volume_attachment.shard,
  ]
}
