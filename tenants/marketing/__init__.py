"""What brings buyers: a folder each."""
