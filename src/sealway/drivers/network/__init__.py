"""Interfaces, addresses, routes and namespaces on this host; health probes out of them."""
