"""Planners (pure: snapshot and now in, plan out) and the one loop that applies them."""
