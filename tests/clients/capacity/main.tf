# A cluster whose instances come and go with its tasks, as templates for AWS make it.

terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "tasks" { default = 2 }
variable "image" { type = string }
variable "target" { default = 100 }
data "aws_vpc" "default" { default = true }
data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}
resource "aws_ecs_cluster" "grown" {
  name = "grown"
}
resource "aws_launch_template" "nodes" {
  name_prefix            = "nodes-"
  image_id               = "ami-0123456789abcdef0"
  instance_type          = "t3.micro"
  update_default_version = true
  user_data              = base64encode("#!/bin/bash\necho ECS_CLUSTER=${aws_ecs_cluster.grown.name} >> /etc/ecs/ecs.config\n")
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "node", Target = var.target }
  }
}
resource "aws_autoscaling_group" "nodes" {
  name                  = "nodes"
  min_size              = 0
  max_size              = 5
  vpc_zone_identifier   = data.aws_subnets.default.ids
  protect_from_scale_in = true
  launch_template {
    id      = aws_launch_template.nodes.id
    version = "$Latest"
  }
  tag {
    key                 = "AmazonECSManaged"
    value               = "true"
    propagate_at_launch = true
  }
  lifecycle { ignore_changes = [desired_capacity] }
}
resource "aws_ecs_capacity_provider" "nodes" {
  name = "nodes"
  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.nodes.arn
    managed_termination_protection = "ENABLED"
    managed_scaling {
      status          = "ENABLED"
      target_capacity = var.target
    }
  }
}
resource "aws_ecs_cluster_capacity_providers" "grown" {
  cluster_name       = aws_ecs_cluster.grown.name
  capacity_providers = [aws_ecs_capacity_provider.nodes.name]
  default_capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.nodes.name
    weight            = 1
  }
}
resource "aws_ecs_task_definition" "work" {
  family = "work"
  container_definitions = jsonencode([
    { name = "work", image = var.image, cpu = 1024, memory = 64, essential = true, stopTimeout = 2 }
  ])
}
resource "aws_ecs_service" "work" {
  name                  = "work"
  cluster               = aws_ecs_cluster.grown.id
  task_definition       = aws_ecs_task_definition.work.arn
  desired_count         = var.tasks
  wait_for_steady_state = true
  force_delete          = true
  capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.nodes.name
    weight            = 1
  }
  depends_on = [aws_ecs_cluster_capacity_providers.grown]
}
