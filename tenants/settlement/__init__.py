"""Telling a station what became of its money at the master."""
