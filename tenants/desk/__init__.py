"""The exception desk: what went wrong with an order, the rules that put it right, and the people for the rest."""
