"""Money that buyers send through gateways. A payment fills the buyer's wallet; what it is for is not known here."""
