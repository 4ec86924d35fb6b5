"""Money that people send through gateways: buyers to a station, applicants and owners to the master. A payment fills a
wallet or a deposit; what it is for beyond that is not known here."""
