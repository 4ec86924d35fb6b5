"""The card vault: formats, imports, batches, claims, reveals, exports. The same tables stand in every schema.

A card to sell is one row of `card_pool`; an unpaid order keeps it in `card_held`, the owner may set it aside in
`card_aside`, and sold it stands in `card_issued`. `item_id` is whatever the schema's owner sells: a good in `master`, a
product in a tenant's schema. A secret is sealed for its card (`cards.secret`, the card's id), so it stays readable when
its row moves from one of these to another, and nowhere else.
"""
