# Alarms. Each one says in its description what it means and what to do; docs/DEPLOYMENT.md has the same by
# component. Alarms that are about the program are made of what /metrics says.

locals {
  # On numbers of the processes.
  process_alarms = {
    api-silent = {
      description = "No API process says its numbers: none runs, or the collector does not. See the service's events in ECS."
      metric      = "tripstore_trips", dimensions = { role = "api" }, statistic = "SampleCount"
      comparison  = "LessThanThreshold", threshold = 1, period = 60, periods = 5, missing = "breaching"
    }
    workers-silent = {
      description = "No worker says its numbers, so nothing is loaded. See the service's events in ECS."
      metric      = "tripstore_trips", dimensions = { role = "worker" }, statistic = "SampleCount"
      comparison  = "LessThanThreshold", threshold = 1, period = 60, periods = 5, missing = "breaching"
    }
    jobs-wait = {
      description = "Jobs have been waiting for an hour: raise worker.count_max, or check whether workers are stuck."
      metric      = "tripstore_jobs", dimensions = { role = "api", status = "pending" }, statistic = "Minimum"
      comparison  = "GreaterThanThreshold", threshold = 0, period = 300, periods = 12, missing = "notBreaching"
    }
    unavailable = {
      description = "Queries are answered with 503: PostgreSQL or a shard is unavailable. The log says which; nothing else needs to be done here."
      metric      = "tripstore_http_requests_total", dimensions = { role = "api", status = "503" }, statistic = "Sum"
      comparison  = "GreaterThanThreshold", threshold = 0, period = 60, periods = 3, missing = "notBreaching"
    }
    faults = {
      description = "Requests are answered with 500, which is a fault of ours: the log has its cause. Please report it."
      metric      = "tripstore_http_requests_total", dimensions = { role = "api", status = "500" }, statistic = "Sum"
      comparison  = "GreaterThanThreshold", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "process" {
  for_each = local.process_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = local.process_metrics
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "loads_stand_still" {
  alarm_name          = "${var.name}-loads-stand-still"
  alarm_description   = "Jobs run and no row has been ingested for a quarter of an hour: a shard is unavailable, or a disk is full. The jobs' messages say which; they continue by themselves."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "running"

    metric {
      namespace   = local.process_metrics
      metric_name = "tripstore_jobs"
      dimensions  = { role = "api", status = "running" }
      stat        = "Minimum"
      period      = 300
    }
  }

  metric_query {
    id = "rows"

    metric {
      namespace   = local.process_metrics
      metric_name = "tripstore_rows_ingested_total"
      dimensions  = { role = "worker" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "still"
    label       = "Jobs that run while no row comes in"
    expression  = "IF(FILL(rows, 0) > 0, 0, running)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "rejected_rows" {
  alarm_name          = "${var.name}-rejected-rows"
  alarm_description   = "More than a twentieth of the rows were rejected: a source has changed its format. /jobs/{id}/rejects says why."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "rejected"

    metric {
      namespace   = local.process_metrics
      metric_name = "tripstore_rows_rejected_total"
      dimensions  = { role = "worker" }
      stat        = "Sum"
      period      = 900
    }
  }

  metric_query {
    id = "taken"

    metric {
      namespace   = local.process_metrics
      metric_name = "tripstore_rows_ingested_total"
      dimensions  = { role = "worker" }
      stat        = "Sum"
      period      = 900
    }
  }

  metric_query {
    id          = "share"
    label       = "Rejected rows, percent"
    expression  = "IF(rejected > 0, 100 * rejected / (rejected + FILL(taken, 0)), 0)"
    return_data = true
  }
}

# MARK: The parts of AWS

locals {
  part_alarms = merge(
    {
      catalog-processor = {
        description = "PostgreSQL's processor is busy: a larger database.instance_class, or fewer processes."
        namespace   = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = aws_db_instance.catalog.identifier }
        statistic   = "Average", comparison = "GreaterThanThreshold", threshold = 80, period = 300, periods = 3, missing = "missing"
      }
      catalog-disk = {
        description = "PostgreSQL has less than 5 GiB left, though its disk grows by itself up to database.storage_max_gib: raise that."
        namespace   = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = aws_db_instance.catalog.identifier }
        statistic   = "Minimum", comparison = "LessThanThreshold", threshold = 5368709120, period = 300, periods = 3, missing = "missing"
      }
      catalog-memory = {
        description = "PostgreSQL has less than 128 MiB of memory left: a larger database.instance_class."
        namespace   = "AWS/RDS", metric = "FreeableMemory", dimensions = { DBInstanceIdentifier = aws_db_instance.catalog.identifier }
        statistic   = "Minimum", comparison = "LessThanThreshold", threshold = 134217728, period = 300, periods = 3, missing = "missing"
      }
      load-balancer-faults = {
        description = "The load balancer itself answers 5xx: no process is there, or one took longer than idle_timeout_seconds."
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = { LoadBalancer = aws_lb.main.arn_suffix }
        statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 10, period = 300, periods = 1, missing = "notBreaching"
      }
      unhealthy-processes = {
        description = "API processes do not answer /health, and ECS exchanges them: their log says why, if not their memory does."
        namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount"
        dimensions  = { LoadBalancer = aws_lb.main.arn_suffix, TargetGroup = aws_lb_target_group.api.arn_suffix }
        statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 0, period = 60, periods = 5, missing = "notBreaching"
      }
      events-refused = {
        description = "Subscribers of the events' topic do not take them; SNS tries again as their delivery policy says."
        namespace   = "AWS/SNS", metric = "NumberOfNotificationsFailed", dimensions = { TopicName = aws_sns_topic.events.name }
        statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
      }
    },
    merge([
      for number in range(local.shard_count) : {
        "shard-${number}-check" = {
          description = "The machine of shard ${number} fails its checks. EC2 moves it to other hardware by itself if the hardware is at fault; else replace it: terraform apply -replace='aws_instance.shard[${number}]'."
          namespace   = "AWS/EC2", metric = "StatusCheckFailed", dimensions = { InstanceId = aws_instance.shard[number].id }
          statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 0, period = 60, periods = 5, missing = "breaching"
        }
        "shard-${number}-processor" = {
          description = "Shard ${number} has been busy for a quarter of an hour: a larger clickhouse.instance_type, or another shard."
          namespace   = "AWS/EC2", metric = "CPUUtilization", dimensions = { InstanceId = aws_instance.shard[number].id }
          statistic   = "Average", comparison = "GreaterThanThreshold", threshold = 90, period = 300, periods = 3, missing = "missing"
        }
        "shard-${number}-disk" = {
          description = "The volume of shard ${number} is four fifths full, and merges need room: raise clickhouse.volume_gib, which takes effect without a stop (then xfs_growfs), or add a shard."
          namespace   = local.machine_metrics, metric = "disk_used_percent", dimensions = { InstanceId = aws_instance.shard[number].id }
          statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 80, period = 300, periods = 3, missing = "missing"
        }
      }
    ]...)
  )
}

resource "aws_cloudwatch_metric_alarm" "part" {
  for_each = local.part_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
