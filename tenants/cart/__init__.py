"""Carts: what a buyer means to buy together."""
