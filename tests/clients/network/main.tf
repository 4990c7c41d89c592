# A network of one's own, as templates make it.

terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "name" { default = "one" }
resource "aws_vpc" "own" {
  cidr_block           = "10.77.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}
resource "aws_subnet" "own" {
  count             = 2
  vpc_id            = aws_vpc.own.id
  cidr_block        = cidrsubnet(aws_vpc.own.cidr_block, 8, count.index)
  availability_zone = "us-east-1${["a", "b"][count.index]}"
  tags              = { Name = "${var.name}-${count.index}" }
}
resource "aws_security_group" "own" {
  name   = "own"
  vpc_id = aws_vpc.own.id
}
resource "aws_vpc_security_group_ingress_rule" "tls" {
  security_group_id = aws_security_group.own.id
  ip_protocol       = "tcp"
  from_port         = 8443
  to_port           = 8443
  cidr_ipv4         = "0.0.0.0/0"
}
resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.own.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}
