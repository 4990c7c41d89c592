"""Sealway's own operations, for its command line: credentials and the state at a glance."""
