"""What every long list of the console has: filters kept as views, and exports. A list is a `Source`; see `sources`."""
