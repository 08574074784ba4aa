# What an installation must say (no default), and what it may.

variable "region" {
  description = "Region, such as eu-central-1."
  type        = string
}

variable "image" {
  description = "Container image of tripstore, in a registry that ECS can pull from: ACCOUNT.dkr.ecr.REGION.amazonaws.com/tripstore:TAG."
  type        = string
}

variable "certificate_arn" {
  description = "Certificate (ACM) of the host name under which clients reach the load balancer."
  type        = string
}

variable "name" {
  description = "Prefix of all names; two installations in one account need two."
  type        = string
  default     = "tripstore"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 20 lower-case letters, digits and hyphens: load balancers and buckets allow no more."
  }
}

variable "tags" {
  description = "Tags of all resources besides Application."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "Whether the database and the load balancer refuse to be deleted, and the database leaves a last snapshot."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

# MARK: Network

variable "vpc_cidr" {
  description = "Addresses of the network; at least /20."
  type        = string
  default     = "10.20.0.0/16"
}

variable "nat_gateway_per_zone" {
  description = "Whether each zone has its own NAT gateway. One for both is cheaper, and its zone's end takes the other's way out."
  type        = bool
  default     = true
}

variable "internal" {
  description = "Whether the load balancer has private addresses only. The server has no authentication: think before you change it."
  type        = bool
  default     = true
}

variable "allowed_cidrs" {
  description = "Who may connect to the load balancer; empty: the network itself."
  type        = list(string)
  default     = []
}

variable "oidc" {
  description = "People sign in at this provider before a request gets through; null: no sign-in."
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
    client_secret          = string
  })
  default   = null
  sensitive = true
}

variable "idle_timeout_seconds" {
  description = "Silence after which the load balancer ends a connection: longer than a query or the last step of an upload takes."
  type        = number
  default     = 300

  validation {
    # The server sends a sign of life to each subscriber every 20 seconds.
    condition     = var.idle_timeout_seconds > 40 && var.idle_timeout_seconds <= 4000
    error_message = "The idle timeout must be from 41 to 4000 seconds: more than two pings of the server."
  }
}

variable "access_logs_bucket" {
  description = "Bucket for the load balancer's access logs; null: none are kept."
  type        = string
  default     = null
}

# MARK: Processes

variable "architecture" {
  description = "What the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "The architecture must be X86_64 or ARM64."
  }
}

variable "api" {
  description = "Size and number of the processes that answer HTTP: CPU units (1024 a core), MiB, GiB of disk for uploads under way."
  type = object({
    cpu         = optional(number, 1024)
    memory      = optional(number, 2048)
    disk_gib    = optional(number, 50)
    count_min   = optional(number, 2)
    count_max   = optional(number, 8)
    requests    = optional(number, 600)
    cpu_percent = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.api.count_min >= 1 && var.api.count_max >= var.api.count_min
    error_message = "There must be at least one API process, and count_max must not be below count_min."
  }

  validation {
    condition     = var.api.disk_gib >= 21 && var.api.disk_gib <= 200
    error_message = "Fargate has disks of 21 to 200 GiB."
  }
}

variable "worker" {
  description = "Size and number of the processes that load; jobs_each is how many unfinished jobs there are for one worker before another is started."
  type = object({
    cpu       = optional(number, 2048)
    memory    = optional(number, 4096)
    disk_gib  = optional(number, 100)
    count_min = optional(number, 1)
    count_max = optional(number, 8)
    jobs_each = optional(number, 2)
    spot      = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.worker.count_min >= 1 && var.worker.count_max >= var.worker.count_min
    error_message = "There must be at least one worker, and count_max must not be below count_min."
  }

  validation {
    condition     = var.worker.disk_gib >= 21 && var.worker.disk_gib <= 200
    error_message = "Fargate has disks of 21 to 200 GiB."
  }
}

variable "log_level" {
  description = "trace, debug, info, notice, warning, error or critical."
  type        = string
  default     = "info"
}

variable "collector_image" {
  description = "Image of the AWS Distro for OpenTelemetry, which brings /metrics to CloudWatch."
  type        = string
  default     = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3"
}

# MARK: Stores

variable "upload_expiry_days" {
  description = "Days after which an upload is removed that no job removed before: of a job that failed, it can be resumed until then."
  type        = number
  default     = 14
}

variable "source_buckets" {
  description = "ARNs of buckets that jobs may load files from by s3:// URL. Whoever may use the API may load what is in them."
  type        = list(string)
  default     = []
}

variable "database" {
  description = "Size of the catalog (RDS PostgreSQL): jobs, rejected rows and which trips count."
  type = object({
    instance_class  = optional(string, "db.t4g.medium")
    engine_version  = optional(string, "17")
    storage_gib     = optional(number, 50)
    storage_max_gib = optional(number, 500)
    multi_az        = optional(bool, true)
    backup_days     = optional(number, 14)
  })
  default = {}
}

variable "database_authorities" {
  description = "File (PEM) of the authorities of RDS in the region: https://truststore.pki.rds.amazonaws.com/REGION/REGION-bundle.pem."
  type        = string

  validation {
    condition     = can(regex("-----BEGIN CERTIFICATE-----", file(var.database_authorities)))
    error_message = "The file of authorities must be there, and have certificates (PEM)."
  }

  validation {
    # It is a part of the tasks' definitions, which have 64 KiB.
    condition     = length(try(file(var.database_authorities), "")) <= 30000
    error_message = "The file of authorities must have 30,000 bytes at most: take the region's, not the global one."
  }
}

variable "clickhouse_url" {
  description = "DATABASE_URL of a ClickHouse that exists: clickhouses://user:password@host:8443/trips?cluster=NAME. Null: one is made here."
  type        = string
  default     = null
  sensitive   = true
}

variable "clickhouse" {
  description = "Machines of the ClickHouse that is made here, one for each shard."
  type = object({
    shards         = optional(number, 2)
    instance_type  = optional(string, "m7g.xlarge")
    volume_gib     = optional(number, 200)
    iops           = optional(number, 3000)
    throughput     = optional(number, 250)
    image          = optional(string, "clickhouse/clickhouse-server:26.8")
    snapshot_hours = optional(number, 24)
    # 0: none are taken.
    snapshots_kept = optional(number, 7)
    # Shards that are not queried yet: docs/DEPLOYMENT.md, "How to add a shard".
    joining = optional(number, 0)
    # What volumes are made of when they are made, by the shard's number: docs/DEPLOYMENT.md, "Backup".
    restore_from = optional(map(string), {})
  })
  default = {}

  validation {
    condition     = var.clickhouse.joining >= 0 && var.clickhouse.joining < var.clickhouse.shards
    error_message = "One shard at least must be in use: joining must be below shards."
  }
}

# MARK: Alarms

variable "alarm_emails" {
  description = "Addresses that get alarms; each has to confirm once."
  type        = list(string)
  default     = []
}
