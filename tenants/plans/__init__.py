"""What a station pays the master for being hosted, and how much it may use."""
