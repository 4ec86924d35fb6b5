"""What the codes of the database are called: states with their colour, other codes, and the log's own words."""
