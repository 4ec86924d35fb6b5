"""A station's own domains: claimed, proved by DNS or a file, served."""
