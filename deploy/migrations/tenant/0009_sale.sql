-- What a sale keeps beside what 0006 made.

ALTER TABLE orders
    ADD COLUMN card_id uuid,            -- the card that the buyer chose
    ADD COLUMN cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),     -- what the station's own cards had cost it
    ADD COLUMN wholesale_back_cents bigint NOT NULL DEFAULT 0
        CHECK (wholesale_back_cents BETWEEN 0 AND wholesale_cents);     -- what the master gave back of it
UPDATE orders SET refunded_cents = total_cents, wholesale_back_cents = wholesale_cents WHERE state = 'refunded';
UPDATE orders SET due_at = CASE state WHEN 'unpaid' THEN expires_at ELSE created_at + interval '24 hours' END
    WHERE state IN ('unpaid', 'paid', 'waiting');
CREATE INDEX orders_unpaid_buyer ON orders (buyer_id) WHERE state = 'unpaid';
