"""The platform: tenancy, tasks, identity, cards, web kit. It knows no shop."""
