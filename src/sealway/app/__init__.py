"""The composition root: the one place where concrete parts are chosen."""
