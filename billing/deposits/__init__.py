"""A tenant's prepaid balance with the master."""
