"""What the sandbox suppliers share: a switchboard of faults, set over HTTP, for demo, chaos and tests."""
