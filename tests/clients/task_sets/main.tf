# A service that somebody else deploys: two task sets, of which one is the next version.

terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "next" { default = 50 }
variable "tasks" { default = 2 }
variable "image" {}
data "aws_vpc" "default" { default = true }
data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}
resource "aws_ecs_cluster" "blue" { name = "blue" }
resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  container_definitions    = jsonencode([{ name = "app", image = var.image }])
}
resource "aws_ecs_service" "web" {
  name          = "web"
  cluster       = aws_ecs_cluster.blue.id
  desired_count = var.tasks
  deployment_controller { type = "EXTERNAL" }
  tags = { team = "web" }
}
resource "aws_ecs_task_set" "one" {
  for_each          = { current = 100, next = var.next }
  service           = aws_ecs_service.web.id
  cluster           = aws_ecs_cluster.blue.id
  task_definition   = aws_ecs_task_definition.web.arn
  launch_type       = "FARGATE"
  platform_version  = "LATEST"
  external_id       = each.key
  force_delete      = true
  wait_until_stable = true
  network_configuration { subnets = slice(sort(data.aws_subnets.default.ids), 0, 2) }
  scale { value = each.value }
  tags = { version = each.key }
}
