"""What the master holds for stations: kept for a while, released, paid out."""
