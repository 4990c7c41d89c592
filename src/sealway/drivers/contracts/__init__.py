"""What the node may ask of the outside world: a file for each Protocol. Each has a real driver and a fake.

Everything here is idempotent: calling again with the same arguments changes nothing, and asking to
remove what is not there succeeds. Failures are ``DriverError`` (``Unavailable`` when the other side
does not answer, so that silence is never taken for death).
"""
