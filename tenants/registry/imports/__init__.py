"""Many stations from one file: checked when it is sent, opened line by line in the background."""
