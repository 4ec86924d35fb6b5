"""Tenants: opening one, and the list of them for the master."""
