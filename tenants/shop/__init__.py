"""The shop: what a station lists and sells."""
