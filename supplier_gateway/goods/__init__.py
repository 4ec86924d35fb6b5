"""What the gateway can deliver: the master catalogue."""
