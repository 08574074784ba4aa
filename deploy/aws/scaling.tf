# How many processes there are: API processes by their load, workers by the jobs that are not over.

resource "aws_appautoscaling_target" "process" {
  for_each = {
    api    = { service = aws_ecs_service.api.name, min = var.api.count_min, max = var.api.count_max }
    worker = { service = aws_ecs_service.worker.name, min = var.worker.count_min, max = var.worker.count_max }
  }

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${each.value.service}"
  min_capacity       = each.value.min
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "api_processor" {
  name               = "processor"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.process["api"].service_namespace
  scalable_dimension = aws_appautoscaling_target.process["api"].scalable_dimension
  resource_id        = aws_appautoscaling_target.process["api"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.api.cpu_percent
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

# Queries wait for ClickHouse and cost the process little, so the processor alone would not tell.
resource "aws_appautoscaling_policy" "api_requests" {
  name               = "requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.process["api"].service_namespace
  scalable_dimension = aws_appautoscaling_target.process["api"].scalable_dimension
  resource_id        = aws_appautoscaling_target.process["api"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.api.requests
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    # Requests a minute of each process.
    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${aws_lb.main.arn_suffix}/${aws_lb_target_group.api.arn_suffix}"
    }
  }
}

# Jobs that are not over, for each worker that runs. Every process says the same number of jobs, so it is the largest that counts.
# A worker that is ended gives its job back at a checkpoint, so scaling in loses no more than the way back to it.
resource "aws_appautoscaling_policy" "worker_jobs" {
  name               = "jobs"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.process["worker"].service_namespace
  scalable_dimension = aws_appautoscaling_target.process["worker"].scalable_dimension
  resource_id        = aws_appautoscaling_target.process["worker"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.worker.jobs_each
    scale_in_cooldown  = 600
    scale_out_cooldown = 60

    customized_metric_specification {
      dynamic "metrics" {
        for_each = toset(["pending", "running"])

        content {
          id          = metrics.value
          return_data = false

          metric_stat {
            stat = "Maximum"

            metric {
              namespace   = local.process_metrics
              metric_name = "tripstore_jobs"

              dimensions {
                name  = "role"
                value = "api"
              }

              dimensions {
                name  = "status"
                value = metrics.value
              }
            }
          }
        }
      }

      metrics {
        id          = "workers"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"

            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.main.name
            }

            dimensions {
              name  = "ServiceName"
              value = aws_ecs_service.worker.name
            }
          }
        }
      }

      metrics {
        id         = "jobs_each"
        label      = "Jobs that are not over, for each worker"
        expression = "(pending + running) / workers"
      }
    }
  }
}
