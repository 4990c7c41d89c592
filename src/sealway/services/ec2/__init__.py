"""EC2: the network, and instances as container instances."""
