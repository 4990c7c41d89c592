"""The main job, shown: two services in two clusters behind one Network Load Balancer, TLS all the way.

``python -m demo`` (or ``make demo``) runs it and prints what it proved; the suite uses the same parts.
"""
