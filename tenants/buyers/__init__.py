"""Buyers: accounts of one tenant, members and guests."""
