"""Money, ids, clock, errors. No I/O."""
