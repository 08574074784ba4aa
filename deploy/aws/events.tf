# Other systems subscribe to this topic: each change of each job is a CloudEvent in it.

resource "aws_sns_topic" "events" {
  name              = "${var.name}-events"
  kms_master_key_id = "alias/aws/sns"
}

# Alarms have a topic of their own. CloudWatch may not use the key of the account's topics, so it is not encrypted; an alarm says
# which alarm it is and nothing of trips.
resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}
