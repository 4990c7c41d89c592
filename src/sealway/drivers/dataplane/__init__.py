"""The load balancer in the kernel: loads the eBPF programs, keeps their maps as desired."""
