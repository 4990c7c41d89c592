"""AWS's operations: validate, write desired state in one transaction; no I/O."""
