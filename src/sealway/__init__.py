"""Sealway: Elastic Container Service and Elastic Load Balancing on any Linux machine."""

__version__ = "0.1.0"
