"""What things of Sealway's are called on a host, wherever more than one driver knows them."""

HOST_INTERFACE = "sealway0"
"""The host's end of the pair that leads to the load balancer's namespace."""
LB_NAMESPACE = "sealway-lb"
"""Holds the load balancers' addresses."""
BRIDGE_INTERFACE = "sealway-br0"
"""The bridge of Sealway's own Docker network, on which bridge-mode tasks live."""
