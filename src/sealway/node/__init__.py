"""The agent: what a host does about its share of the desired state."""
