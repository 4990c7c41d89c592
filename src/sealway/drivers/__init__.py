"""The only places that touch the outside world; ``base`` is what the rest knows of them."""
