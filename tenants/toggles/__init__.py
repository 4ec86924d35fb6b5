"""Feature flags: declared in code, decided by plan, master and station, read from memory."""
