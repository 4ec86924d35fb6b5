-- The quote that each order was sold on.

-- What the wholesale price of the order stands on: 'tier:<n>' or 'special:<n>'; empty for orders from before this column.
ALTER TABLE orders ADD COLUMN quote text NOT NULL DEFAULT '';
