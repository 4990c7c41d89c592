output "addresses" {
  description = "Where clients find each service."
  value       = { for name, service in local.services : name => "${aws_lb.front.dns_name}:${service.port}" }
}
