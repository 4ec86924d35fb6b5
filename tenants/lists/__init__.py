"""What the back office's lists keep: views that people come back to, and exports under way."""
