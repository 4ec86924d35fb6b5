"""Buyers, suppliers and a gateway that misbehave, processes that are killed, and a judge of what is left."""
