"""Cards for the master's stock, ordered before somebody buys them."""
