# One Network Load Balancer in front of services whose containers end TLS themselves.
# Region, credentials and endpoint come from the environment, so this is for AWS and for Sealway alike.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.40" }
  }
}

locals {
  container_port = 8443
  all = {
    orders = { cluster = "blue", port = 443, launch_type = "EC2" }
    ledger = { cluster = "green", port = 8443, launch_type = "FARGATE" }
  }
  services  = { for name, service in local.all : name => service if name == "orders" || var.architecture > 1 }
  instances = 3
}

# The default VPC, which every account has, and its subnets in two zones.

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

locals {
  subnets = slice(sort(data.aws_subnets.default.ids), 0, 2)
}

resource "aws_security_group" "front" {
  name        = "front"
  description = "TLS to the containers"
  vpc_id      = data.aws_vpc.default.id

  dynamic "ingress" {
    for_each = { "awsvpc tasks" = [8443, 8443], "dynamic host ports" = [32768, 65535] }
    content {
      description = ingress.key
      protocol    = "tcp"
      from_port   = ingress.value[0]
      to_port     = ingress.value[1]
      cidr_blocks = ["0.0.0.0/0"]
    }
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# The load balancer: one listener and one target group a service.

resource "aws_lb" "front" {
  name               = "front"
  load_balancer_type = "network"
  internal           = var.architecture == 2
  subnets            = local.subnets
}

resource "aws_lb_target_group" "service" {
  for_each             = local.services
  name                 = each.key
  protocol             = "TCP"
  port                 = local.container_port
  vpc_id               = data.aws_vpc.default.id
  target_type          = each.value.launch_type == "EC2" ? "instance" : "ip"
  preserve_client_ip   = true
  deregistration_delay = 5

  health_check {
    protocol          = "TCP"
    interval          = 5
    healthy_threshold = 2
  }
}

resource "aws_lb_listener" "service" {
  for_each          = local.services
  load_balancer_arn = aws_lb.front.arn
  protocol          = "TCP"
  port              = each.value.port

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service[each.key].arn
  }
}

# The clusters. Blue has container instances; green needs none.

resource "aws_ecs_cluster" "this" {
  for_each = toset([for service in local.services : service.cluster])
  name     = each.key
}

data "aws_ami" "ecs" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["al2023-ami-ecs-hvm-*-x86_64"]
  }
}

resource "aws_instance" "blue" {
  count                  = local.instances
  ami                    = data.aws_ami.ecs.id
  instance_type          = "t3.medium"
  subnet_id              = local.subnets[count.index % 2]
  vpc_security_group_ids = [aws_security_group.front.id]
  iam_instance_profile   = var.instance_profile
  user_data              = "#!/bin/bash\necho ECS_CLUSTER=${aws_ecs_cluster.this["blue"].name} >> /etc/ecs/ecs.config\n"
  tags                   = { Name = "blue-${count.index + 1}" }

  metadata_options {
    http_tokens = "required"
  }
  root_block_device {
    volume_type = "gp3"
    volume_size = 30
  }
}

# The services. Each is told the other's address, and its own: the load balancer's name and a port.

resource "aws_ecs_task_definition" "service" {
  for_each                 = local.services
  family                   = each.key
  network_mode             = each.value.launch_type == "EC2" ? "bridge" : "awsvpc"
  requires_compatibilities = [each.value.launch_type]
  cpu                      = each.value.launch_type == "EC2" ? null : 256
  memory                   = each.value.launch_type == "EC2" ? null : 512

  container_definitions = jsonencode([{
    name        = each.key
    image       = var.images[each.key]
    essential   = true
    cpu         = 128
    memory      = 256
    stopTimeout = 5
    portMappings = [{
      containerPort = local.container_port
      hostPort      = each.value.launch_type == "EC2" ? 0 : local.container_port
      protocol      = "tcp"
    }]
    environment = concat(
      [for name in sort(keys(local.services)) :
      { name = "${upper(name)}_ADDRESS", value = "${aws_lb.front.dns_name}:${local.services[name].port}" }],
      [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }],
    )
  }])
}

resource "aws_ecs_service" "service" {
  for_each              = local.services
  name                  = each.key
  cluster               = aws_ecs_cluster.this[each.value.cluster].id
  task_definition       = aws_ecs_task_definition.service[each.key].arn
  desired_count         = var.tasks
  launch_type           = each.value.launch_type
  wait_for_steady_state = true

  load_balancer {
    target_group_arn = aws_lb_target_group.service[each.key].arn
    container_name   = each.key
    container_port   = local.container_port
  }

  dynamic "network_configuration" {
    for_each = each.value.launch_type == "EC2" ? [] : [1]
    content {
      subnets          = local.subnets
      security_groups  = [aws_security_group.front.id]
      assign_public_ip = true # on AWS: to reach the registry
    }
  }

  depends_on = [aws_lb_listener.service, aws_instance.blue]
}
