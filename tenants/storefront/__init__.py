"""The buyer's pages of a sub-station."""
