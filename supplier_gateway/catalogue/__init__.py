"""What suppliers offer: read by pages, put in force at the end, adopted as goods by people."""
