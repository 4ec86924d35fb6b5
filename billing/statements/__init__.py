"""Accounts over a time: what was there, what came and went, what is left; sums by day that make it quick."""
