"""Whose version of a good: cost, stock, health of one supplier."""
