"""The card vault: import, claim, reveal. The same two tables stand in every schema.

A card to sell is one row of `card_pool`; sold, it stands in `card_issued`. `item_id` is whatever the schema's owner
sells: a good in `master`, a product in a tenant's schema. A secret is sealed for its card (`cards.secret`, the card's
id), so it stays readable when its row moves from the pool to the issued, and nowhere else.
"""
