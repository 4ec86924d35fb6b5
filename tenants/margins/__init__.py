"""What the master's prices do to the stations: which margins turn negative, who is told."""
