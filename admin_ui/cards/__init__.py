"""Card stock, as both consoles show it: the master's of its goods, a station's of its own products."""
