"""What people of a station, or of the master, are told: once each, at the bell and on the ways that they chose."""
