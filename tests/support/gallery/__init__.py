"""Sample pages that show every macro with example data, for the eye and for the browser tests of the scripts."""
