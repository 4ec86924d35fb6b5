-- Coupons, how often each was taken, what took it; and carts.

-- `taken` counts uses that are reserved or used, `used` those that were paid for. They are changed by the statements of
-- tenants.marketing.coupons.uses only, which check and change in one.
CREATE TABLE coupons (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9-]{3,32}$'),
    kind text NOT NULL CHECK (kind IN ('fixed', 'threshold', 'percent')),
    amount_cents bigint CHECK (amount_cents > 0),           -- off an order; not of a percentage
    percent int CHECK (percent BETWEEN 1 AND 99),           -- off the price of what it is for
    cap_cents bigint CHECK (cap_cents > 0),                 -- a percentage takes no more than this off
    least_cents bigint NOT NULL DEFAULT 0 CHECK (least_cents >= 0),     -- what it is for must come to this much
    scope text NOT NULL DEFAULT 'all' CHECK (scope IN ('all', 'products', 'categories')),
    scope_ids bigint[] NOT NULL DEFAULT '{}',               -- of products (a head stands for its variants) or categories
    most int CHECK (most > 0),                              -- uses in all; NULL: no end
    most_per_buyer int CHECK (most_per_buyer > 0),
    members_only boolean NOT NULL DEFAULT false,
    starts_at timestamptz,
    ends_at timestamptz,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'stopped')),
    batch text NOT NULL DEFAULT '',                         -- codes that were made together
    note text NOT NULL DEFAULT '',
    taken int NOT NULL DEFAULT 0 CHECK (taken >= 0),
    used int NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND taken),
    discount_cents bigint NOT NULL DEFAULT 0,               -- given with what was charged
    revenue_cents bigint NOT NULL DEFAULT 0,                -- charged for orders that used it
    made_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'percent') = (percent IS NOT NULL)),
    CHECK ((kind = 'percent') = (amount_cents IS NULL)),
    CHECK (kind = 'percent' OR cap_cents IS NULL),
    CHECK (kind <> 'threshold' OR least_cents >= amount_cents),
    CHECK ((scope = 'all') = (scope_ids = '{}')),
    CHECK (ends_at > starts_at),
    CHECK (most IS NULL OR taken <= most)
) WITH (fillfactor = 70);
CREATE INDEX coupons_batch ON coupons (batch, id) WHERE batch <> '';

-- How many uses of one buyer count, so that his limit is one row.
CREATE TABLE coupon_buyers (
    coupon_id bigint NOT NULL REFERENCES coupons,
    buyer_id uuid NOT NULL,
    taken int NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (coupon_id, buyer_id)
);

-- One use: an order's, or that of a whole basket. It is given back when the last of its lines has ended undelivered.
CREATE TABLE coupon_uses (
    subject text PRIMARY KEY,                               -- the number of the order or of the basket
    coupon_id bigint NOT NULL REFERENCES coupons,
    buyer_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('reserved', 'used', 'released')),
    lines int NOT NULL CHECK (lines >= 0),                  -- orders that count on it
    discount_cents bigint NOT NULL CHECK (discount_cents > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX coupon_uses_coupon ON coupon_uses (coupon_id, created_at DESC);

CREATE TABLE cart_lines (
    buyer_id uuid NOT NULL,
    product_id bigint NOT NULL,
    quantity int NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
    seen_cents bigint NOT NULL CHECK (seen_cents >= 0),     -- for one unit, as the buyer saw it when he put it in
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (buyer_id, product_id)
);
