"""The authoritative DNS server, a process of its own that outlives ``sealway up``."""
