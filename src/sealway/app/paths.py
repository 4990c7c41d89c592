"""Names of files in the data directory that several parts know."""

ADMIN_SOCKET = "admin.sock"
"""Where a running Sealway answers its command line."""
