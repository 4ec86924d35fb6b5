"""What the owner is told: once each, until it is read."""
