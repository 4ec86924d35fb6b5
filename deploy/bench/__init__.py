"""Measurements. Each makes its own servers and data, removes them, and prints a table or one JSON object."""
