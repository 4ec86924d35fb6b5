"""Giving money back by the gateway that brought it."""
