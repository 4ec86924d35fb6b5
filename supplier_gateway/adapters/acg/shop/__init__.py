"""A shop that speaks the acg-faka shared store (PROTOCOLS 2.2), and its fourth version's; for demo, chaos and tests."""
