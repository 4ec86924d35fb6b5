"""Sample pages that show the macros with example data: for the eye, and for tests of the scripts."""
