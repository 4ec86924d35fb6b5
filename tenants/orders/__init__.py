"""Orders: placed, paid, delivered. The states and edges are in `states.py`."""
