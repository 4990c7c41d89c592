# A CodeDeploy application, and the deployment group of a service that is there.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "listener" {
  type = string
}

variable "wait" {
  type    = number
  default = 5
}

resource "aws_codedeploy_app" "shop" {
  name             = "shop"
  compute_platform = "ECS"
  tags             = { team = "shop" }
}

resource "aws_codedeploy_deployment_group" "orders" {
  app_name               = aws_codedeploy_app.shop.name
  deployment_group_name  = "orders"
  deployment_config_name = "CodeDeployDefault.ECSAllAtOnce"
  service_role_arn       = "arn:aws:iam::000000000000:role/ecsCodeDeployRole"

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE"]
  }

  blue_green_deployment_config {
    deployment_ready_option {
      action_on_timeout = "CONTINUE_DEPLOYMENT"
    }
    terminate_blue_instances_on_deployment_success {
      action                           = "TERMINATE"
      termination_wait_time_in_minutes = var.wait
    }
  }

  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }

  ecs_service {
    cluster_name = "blue"
    service_name = "orders"
  }

  load_balancer_info {
    target_group_pair_info {
      prod_traffic_route {
        listener_arns = [var.listener]
      }
      target_group {
        name = "orders"
      }
      target_group {
        name = "orders-green"
      }
    }
  }
}
