"""Buying from suppliers: one purchase at a time for an order, never bought again on a doubt."""
