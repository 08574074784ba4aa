# The trips: one machine with one volume for each shard, or none if a ClickHouse is given (clickhouse_url).
#
# The volume is a resource of its own, so that a machine can be exchanged and the trips stay. Machines find out who the shards are
# from a parameter, which they look at each minute, so that a shard is added without touching the others.

locals {
  makes_clickhouse = nonsensitive(var.clickhouse_url == null)

  shard_count         = local.makes_clickhouse ? var.clickhouse.shards : 0
  takes_snapshots     = local.makes_clickhouse && var.clickhouse.snapshots_kept > 0
  clickhouse_cluster  = "trips"
  clickhouse_database = "trips"
  clickhouse_user     = "tripstore"
  clickhouse_domain   = "${var.name}.internal"
  # All shards that are in use have this name: each one lists the others.
  clickhouse_host = "clickhouse.${local.clickhouse_domain}"
  shard_hosts     = [for number in range(local.shard_count) : "shard-${number}.${local.clickhouse_domain}"]
  shards_in_use   = slice(local.shard_hosts, 0, max(0, local.shard_count - (local.makes_clickhouse ? var.clickhouse.joining : 0)))

  # Amazon's own name for a machine's processor, by the letter behind the number in m7g.xlarge.
  clickhouse_processor = can(regex("^[a-z]+[0-9]+g", var.clickhouse.instance_type)) ? "arm64" : "x86_64"
}

data "aws_ssm_parameter" "machine_image" {
  count = local.makes_clickhouse ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${local.clickhouse_processor}"
}

resource "aws_ssm_parameter" "shards" {
  count = local.makes_clickhouse ? 1 : 0

  name        = "/${var.name}/clickhouse/shards"
  description = "Hosts of the shards that are in use, in their order"
  type        = "String"
  value       = join(" ", local.shards_in_use)
}

resource "aws_security_group" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  name        = "${var.name}-clickhouse"
  description = "ClickHouse: HTTPS for the processes, its own protocol over TLS between shards"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "clickhouse_https" {
  count = local.makes_clickhouse ? 1 : 0

  security_group_id            = aws_security_group.clickhouse[0].id
  description                  = "HTTPS from API and workers"
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

# A machine that joins asks another what the table of trips looks like.
resource "aws_vpc_security_group_ingress_rule" "clickhouse_joining" {
  count = local.makes_clickhouse ? 1 : 0

  security_group_id            = aws_security_group.clickhouse[0].id
  description                  = "HTTPS from one shard to the others"
  referenced_security_group_id = aws_security_group.clickhouse[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_ingress_rule" "clickhouse_native" {
  count = local.makes_clickhouse ? 1 : 0

  security_group_id            = aws_security_group.clickhouse[0].id
  description                  = "Queries of one shard to the others"
  referenced_security_group_id = aws_security_group.clickhouse[0].id
  ip_protocol                  = "tcp"
  from_port                    = 9440
  to_port                      = 9440
}

resource "aws_vpc_security_group_egress_rule" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  security_group_id = aws_security_group.clickhouse[0].id
  description       = "Each other, the image's registry, AWS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# MARK: What a machine may do

resource "aws_iam_role" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  name = "${var.name}-clickhouse"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  name = "clickhouse"
  role = aws_iam_role.clickhouse[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = "secretsmanager:GetSecretValue"
        Resource = [
          aws_secretsmanager_secret.clickhouse_password[0].arn,
          aws_secretsmanager_secret.clickhouse_certificate[0].arn,
        ]
      },
      {
        Effect   = "Allow"
        Action   = "ssm:GetParameter"
        Resource = aws_ssm_parameter.shards[0].arn
      },
      {
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = local.machine_metrics } }
      },
    ]
  })
}

# A shell without SSH: aws ssm start-session.
resource "aws_iam_role_policy_attachment" "clickhouse_shell" {
  count = local.makes_clickhouse ? 1 : 0

  role       = aws_iam_role.clickhouse[0].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

# For an image in the account's own registry.
resource "aws_iam_role_policy_attachment" "clickhouse_image" {
  count = local.makes_clickhouse ? 1 : 0

  role       = aws_iam_role.clickhouse[0].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
}

resource "aws_iam_instance_profile" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  name = "${var.name}-clickhouse"
  role = aws_iam_role.clickhouse[0].name
}

# MARK: Machines

resource "aws_ebs_volume" "shard" {
  count = local.shard_count

  availability_zone = local.zones[count.index % length(local.zones)]
  type              = "gp3"
  size              = var.clickhouse.volume_gib
  iops              = var.clickhouse.iops
  throughput        = var.clickhouse.throughput
  encrypted         = true
  snapshot_id       = lookup(var.clickhouse.restore_from, tostring(count.index), null)
  final_snapshot    = var.deletion_protection

  tags = {
    Name     = "${var.name}-shard-${count.index}"
    Snapshot = "${var.name}-clickhouse"
  }

  # No change of a variable may replace a volume: terraform apply -replace='aws_ebs_volume.shard[0]' does, on purpose.
  lifecycle {
    ignore_changes = [snapshot_id]
  }
}

resource "aws_instance" "shard" {
  count = local.shard_count

  ami                    = data.aws_ssm_parameter.machine_image[0].insecure_value
  instance_type          = var.clickhouse.instance_type
  subnet_id              = aws_subnet.private[count.index % length(local.zones)].id
  vpc_security_group_ids = [aws_security_group.clickhouse[0].id]
  iam_instance_profile   = aws_iam_instance_profile.clickhouse[0].name
  ebs_optimized          = true

  user_data = templatefile("${path.module}/clickhouse/machine.sh.tftpl", {
    number          = count.index
    host            = local.shard_hosts[count.index]
    first_host      = local.shard_hosts[0]
    volume          = replace(aws_ebs_volume.shard[count.index].id, "-", "")
    region          = var.region
    image           = var.clickhouse.image
    user            = local.clickhouse_user
    cluster         = local.clickhouse_cluster
    database        = local.clickhouse_database
    shards          = aws_ssm_parameter.shards[0].name
    password_secret = aws_secretsmanager_secret.clickhouse_password[0].arn
    key_secret      = aws_secretsmanager_secret.clickhouse_certificate[0].arn
    authority       = tls_self_signed_cert.authority[0].cert_pem
    metrics         = local.machine_metrics
  })

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 20
    encrypted   = true
  }

  tags = { Name = "${var.name}-shard-${count.index}" }

  # A newer image or another way to set a machine up must not take all shards away at once: exchange them one by one, with
  # terraform apply -replace='aws_instance.shard[0]'.
  lifecycle {
    ignore_changes = [ami, user_data]
  }

  depends_on = [
    aws_secretsmanager_secret_version.clickhouse_password,
    aws_secretsmanager_secret_version.clickhouse_certificate,
    aws_route.nat,
  ]
}

resource "aws_volume_attachment" "shard" {
  count = local.shard_count

  device_name = "/dev/sdf"
  instance_id = aws_instance.shard[count.index].id
  volume_id   = aws_ebs_volume.shard[count.index].id
  # ClickHouse ends before its volume goes.
  stop_instance_before_detaching = true
}

resource "aws_route53_record" "shard" {
  count = local.shard_count

  zone_id = aws_route53_zone.internal[0].zone_id
  name    = local.shard_hosts[count.index]
  type    = "A"
  ttl     = 10
  records = [aws_instance.shard[count.index].private_ip]
}

resource "aws_route53_record" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  zone_id = aws_route53_zone.internal[0].zone_id
  name    = local.clickhouse_host
  type    = "A"
  ttl     = 10
  records = slice(aws_instance.shard[*].private_ip, 0, length(local.shards_in_use))
}

# MARK: Snapshots of the volumes

resource "aws_iam_role" "snapshots" {
  count = local.takes_snapshots ? 1 : 0

  name = "${var.name}-snapshots"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "dlm.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "snapshots" {
  count = local.takes_snapshots ? 1 : 0

  role       = aws_iam_role.snapshots[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole"
}

resource "aws_dlm_lifecycle_policy" "clickhouse" {
  count = local.takes_snapshots ? 1 : 0

  description        = "Snapshots of ${var.name}'s shards"
  execution_role_arn = aws_iam_role.snapshots[0].arn
  state              = "ENABLED"

  policy_details {
    resource_types = ["VOLUME"]
    target_tags    = { Snapshot = "${var.name}-clickhouse" }

    schedule {
      name      = "regular"
      copy_tags = true

      create_rule {
        interval      = var.clickhouse.snapshot_hours
        interval_unit = "HOURS"
        times         = ["03:00"]
      }

      retain_rule {
        count = var.clickhouse.snapshots_kept
      }
    }
  }
}
