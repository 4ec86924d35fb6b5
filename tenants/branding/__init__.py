"""How a station looks: name, colours, theme, logo, contacts, and pages of its own."""
