-- Lookups in the log of reveals, and shops that are told what becomes of their orders.

ALTER TABLE card_reveals
    DROP CONSTRAINT card_reveals_act_check,
    ADD CONSTRAINT card_reveals_act_check CHECK (act IN ('shown', 'file', 'lookup'));

ALTER TABLE orders ADD COLUMN watched boolean NOT NULL DEFAULT false;   -- somebody outside is told of each step
ALTER TABLE api_orders
    ADD COLUMN callback_url text NOT NULL DEFAULT '',       -- empty: the shop asks by itself
    ADD COLUMN trace_id text NOT NULL DEFAULT '',           -- the caller's; told with each callback
    ADD COLUMN told text NOT NULL DEFAULT '',               -- the last status that the shop has acknowledged
    ADD COLUMN told_at timestamptz;
