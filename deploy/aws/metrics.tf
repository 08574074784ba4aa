# From /metrics to CloudWatch: a collector beside each process reads it every half minute and writes what is named here into a
# log group, from which CloudWatch makes metrics. Counters become what was added since the last look. Each metric that is named
# costs money for each set of its labels, so it is those that somebody looks at.

locals {
  process_metrics = "${var.name}/processes"
  machine_metrics = "${var.name}/machines"

  # Labels, and the metrics that have them. `role` is ours, from the collector.
  published = {
    "role" = [
      "tripstore_http_requests_in_flight", "tripstore_queries_total", "tripstore_rows_ingested_total",
      "tripstore_rows_rejected_total", "tripstore_segment_bytes", "tripstore_trips", "tripstore_upload_bytes_total",
    ]
    "role,status"    = ["tripstore_http_requests_total", "tripstore_jobs"]
    "role,transport" = ["tripstore_progress_subscribers"]
  }

  collector = {
    for role in keys(local.roles) : role => {
      receivers = {
        prometheus = {
          config = {
            global = { scrape_interval = "30s", scrape_timeout = "10s" }
            scrape_configs = [{
              job_name       = "tripstore"
              static_configs = [{ targets = ["127.0.0.1:${local.port}"], labels = { role = role } }]
            }]
          }
        }
      }
      exporters = {
        awsemf = {
          region                  = var.region
          namespace               = local.process_metrics
          log_group_name          = aws_cloudwatch_log_group.metrics.name
          log_stream_name         = "${role}-{TaskId}"
          dimension_rollup_option = "NoDimensionRollup"
          metric_declarations = [
            for labels, names in local.published : {
              dimensions            = [split(",", labels)]
              metric_name_selectors = [for name in names : "^${name}$"]
            }
          ]
        }
      }
      processors = { batch = {} }
      service = {
        pipelines = { metrics = { receivers = ["prometheus"], processors = ["batch"], exporters = ["awsemf"] } }
      }
    }
  }
}

resource "aws_cloudwatch_log_group" "metrics" {
  name              = "/${var.name}/metrics"
  retention_in_days = 1
}
