"""Who delivers: supplier accounts and the adapters that speak their protocols."""
