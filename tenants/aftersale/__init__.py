"""After the sale: tickets, hours in which templates answer, orders looked up by their query password."""
