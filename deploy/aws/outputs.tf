# What comes next is done with these: a DNS name to be pointed at the load balancer, subscriptions, commands of docs/DEPLOYMENT.md.

output "load_balancer" {
  description = "Point the certificate's host name here (CNAME, or an alias in Route 53 with the zone)."
  value       = { name = aws_lb.main.dns_name, zone = aws_lb.main.zone_id }
}

output "cluster" {
  description = "ECS cluster; its services are `api` and `worker`."
  value       = aws_ecs_cluster.main.name
}

output "uploads_bucket" {
  description = "Where uploads wait for their job."
  value       = aws_s3_bucket.uploads.bucket
}

output "events_topic" {
  description = "Topic with a CloudEvent for each change of each job."
  value       = aws_sns_topic.events.arn
}

output "database" {
  description = "Host of the catalog."
  value       = aws_db_instance.catalog.address
}

output "shards" {
  description = "Machines of the shards in their order: aws ssm start-session --target ID."
  value       = { for number in range(local.shard_count) : local.shard_hosts[number] => aws_instance.shard[number].id }
}
