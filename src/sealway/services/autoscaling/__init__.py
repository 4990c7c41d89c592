"""Auto Scaling groups, as capacity providers stand on them."""
