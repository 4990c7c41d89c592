variable "architecture" {
  description = "1: orders behind the load balancer. 2: orders and ledger call each other through an internal one. 3: both, open to outside clients."
  type        = number
  default     = 3
  validation {
    condition     = contains([1, 2, 3], var.architecture)
    error_message = "There are three architectures: 1, 2 and 3."
  }
}

variable "images" {
  description = "The containers' images; on AWS, where your registry keeps them."
  type        = map(string)
  default     = { orders = "sealway/orders:1", ledger = "sealway/ledger:1" }
}

variable "tasks" {
  description = "How many tasks each service runs."
  type        = number
  default     = 3
}

variable "instance_profile" {
  description = "The profile that lets container instances join their cluster; AWS's console makes it under this name."
  type        = string
  default     = "ecsInstanceRole"
}

variable "environment" {
  description = "More environment variables for the containers; changing them rolls out a new revision."
  type        = map(string)
  default     = {}
}
