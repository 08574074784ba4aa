# The way in: HTTPS, WebSockets and server-sent events alike. By default its addresses are private, since the server has no
# authentication; if it is public, let people sign in (oidc) or name who may connect (allowed_cidrs).

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "HTTPS from those who may connect"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = {
    for pair in setproduct(length(var.allowed_cidrs) == 0 ? [var.vpc_cidr] : var.allowed_cidrs, [80, 443]) :
    "${pair[0]} ${pair[1]}" => { cidr = pair[0], port = pair[1] }
  }

  security_group_id = aws_security_group.load_balancer.id
  description       = each.value.port == 443 ? "HTTPS" : "HTTP, only to be sent to HTTPS"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "API processes"
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

# Sign-ins are verified at the provider, which is on the internet.
resource "aws_vpc_security_group_egress_rule" "sign_in" {
  count = local.signs_in ? 1 : 0

  security_group_id = aws_security_group.load_balancer.id
  description       = "The provider where people sign in"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

locals {
  signs_in = nonsensitive(var.oidc != null)
}

resource "aws_lb" "main" {
  name               = var.name
  load_balancer_type = "application"
  internal           = var.internal
  security_groups    = [aws_security_group.load_balancer.id]
  subnets            = var.internal ? aws_subnet.private[*].id : aws_subnet.public[*].id

  # A subscriber gets a ping every 20 seconds, so its connection is never silent. What can be is a query over all trips at a
  # fine precision, and an upload between its last byte and the 202.
  idle_timeout               = var.idle_timeout_seconds
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = var.access_logs_bucket == null ? [] : [var.access_logs_bucket]

    content {
      bucket  = access_logs.value
      prefix  = var.name
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "api" {
  name        = "${var.name}-api"
  target_type = "ip"
  port        = local.port
  protocol    = "HTTP"
  vpc_id      = aws_vpc.main.id

  # Uploads and long queries differ by orders of magnitude: round robin would not follow the load.
  load_balancing_algorithm_type = "least_outstanding_requests"

  # What an update waits for uploads under way. Sockets that are still open then are closed with 1001, and clients come back.
  deregistration_delay = 120

  # /health and not /ready: while PostgreSQL or a shard is unavailable every process is as unready as the next, and ECS would replace
  # healthy ones forever, with the sockets and uploads that they hold. Each says 503 with a sentence meanwhile. A process that
  # starts listens only once it could open both.
  health_check {
    path                = "/health"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  dynamic "default_action" {
    for_each = local.signs_in ? [1] : []

    content {
      type  = "authenticate-oidc"
      order = 1

      authenticate_oidc {
        issuer                 = var.oidc.issuer
        authorization_endpoint = var.oidc.authorization_endpoint
        token_endpoint         = var.oidc.token_endpoint
        user_info_endpoint     = var.oidc.user_info_endpoint
        client_id              = var.oidc.client_id
        client_secret          = var.oidc.client_secret
      }
    }
  }

  default_action {
    type             = "forward"
    order            = local.signs_in ? 2 : 1
    target_group_arn = aws_lb_target_group.api.arn
  }
}

# The metrics of one arbitrary process are of no use outside; the collector beside each process has them.
resource "aws_lb_listener_rule" "metrics" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1

  condition {
    path_pattern {
      # As the program reads paths: a slash at the end makes no difference; //metrics and /m%65trics are answered with 404 there.
      values = ["/metrics", "/metrics/"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ detail = "Metrics are in CloudWatch." })
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}
