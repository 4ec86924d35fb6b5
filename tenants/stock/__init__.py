"""Stock of a station: what may be chosen, how much is left, and when the owner is warned."""
