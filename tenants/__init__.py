"""One sub-station and all that stands in its schema."""
