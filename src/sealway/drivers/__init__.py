"""The only places that touch the outside world; ``contracts`` is what the rest knows of them."""
