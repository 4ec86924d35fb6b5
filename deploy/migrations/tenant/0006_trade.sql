-- What products, orders, cards and payments need for a whole shop: variants, goods of the station's own, baskets, coupons,
-- input fields, holds, part deliveries and part refunds. Each room adds its own tables after this.

CREATE TABLE categories (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES categories,     -- NULL: on the top
    name text NOT NULL CHECK (name <> ''),
    icon text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'shown' CHECK (state IN ('shown', 'hidden')),
    position int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX categories_parent ON categories (parent_id, position, id);

-- How buyers are ranked; a product can be kept for a rank and above.
CREATE TABLE buyer_levels (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    rank int NOT NULL UNIQUE CHECK (rank >= 0)  -- the higher the better; a buyer without a level has rank 0
);
ALTER TABLE buyers ADD COLUMN level_id int REFERENCES buyer_levels;

-- A product that comes in variants is a head (`specs` is not empty): it is shown, and never sold itself. Its variants are
-- products too, with a name, a good, a price, a ladder and a stock of their own; all else they take from their head.
-- A product without a good is the station's own: its cards lie in the station's pool, or a person delivers it.
ALTER TABLE products
    ALTER COLUMN good_id DROP NOT NULL,
    ADD COLUMN category_id bigint REFERENCES categories,
    ADD COLUMN variant_of bigint REFERENCES products,
    ADD COLUMN specs jsonb NOT NULL DEFAULT '[]',           -- of a head: [{"name": "面值", "values": ["50", "100"]}]
    ADD COLUMN spec_values jsonb NOT NULL DEFAULT '{}',     -- of a variant: {"面值": "50"}
    ADD COLUMN kind text NOT NULL DEFAULT 'cards'           -- what the buyer is given: keys, or a thing done for him
        CHECK (kind IN ('cards', 'topup')),
    ADD COLUMN fulfilment text NOT NULL DEFAULT 'auto'      -- 'by_hand': an own product that a person delivers
        CHECK (fulfilment IN ('auto', 'by_hand')),
    ADD COLUMN labels text[] NOT NULL DEFAULT '{}',
    ADD COLUMN list_price numeric(14, 4) CHECK (list_price > 0),    -- shown struck through
    ADD COLUMN floor_price numeric(14, 4) CHECK (floor_price > 0),  -- the owner's own least price for one unit
    ADD COLUMN ladder jsonb NOT NULL DEFAULT '[]',          -- [[10, "9.5000"], [50, "9.0000"]]: one unit from that quantity
    ADD COLUMN fields jsonb NOT NULL DEFAULT '[]',          -- what the buyer has to fill in (tenants.shop.fields)
    ADD COLUMN max_per_buyer int CHECK (max_per_buyer > 0), -- units, over all of a buyer's orders
    ADD COLUMN max_per_day int CHECK (max_per_day > 0),     -- units of one buyer in a day of the station
    ADD COLUMN min_level int NOT NULL DEFAULT 0 CHECK (min_level >= 0),     -- a rank of buyer_levels
    ADD COLUMN sale_from timestamptz,
    ADD COLUMN sale_until timestamptz,
    ADD COLUMN picking text NOT NULL DEFAULT 'first'        -- which card of the pool is sold: the oldest, or any
        CHECK (picking IN ('first', 'random')),
    ADD COLUMN choosable boolean NOT NULL DEFAULT false,    -- buyers may choose their card by its label ...
    ADD COLUMN choice_price numeric(14, 4) NOT NULL DEFAULT 0 CHECK (choice_price >= 0),    -- ... for this much more
    ADD COLUMN warn_at int CHECK (warn_at >= 0),            -- units left at which the owner is warned; NULL: never
    ADD COLUMN sold int NOT NULL DEFAULT 0,                 -- units delivered in the last 30 days, counted now and then
    ADD COLUMN archived_at timestamptz,                     -- thrown away, and can be taken back
    ADD CONSTRAINT products_depth CHECK (variant_of IS NULL OR specs = '[]'),
    ADD CONSTRAINT products_by_hand CHECK (fulfilment = 'auto' OR good_id IS NULL),
    ADD CONSTRAINT products_on_sale_when CHECK (sale_until > sale_from);
CREATE INDEX products_variants ON products (variant_of, position, id) WHERE variant_of IS NOT NULL;
CREATE INDEX products_category ON products (category_id, position, id);
CREATE INDEX products_good ON products (good_id);

-- `total_cents` is what was charged: units at their price, more for a chosen card, less the coupon.
ALTER TABLE orders
    ALTER COLUMN good_id DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'cards' CHECK (kind IN ('cards', 'topup')),
    ADD COLUMN basket_no text NOT NULL DEFAULT '',          -- orders placed and paid together share it
    ADD COLUMN inputs jsonb NOT NULL DEFAULT '{}',          -- what the buyer filled in, by the field's label
    ADD COLUMN discount_cents bigint NOT NULL DEFAULT 0 CHECK (discount_cents >= 0),
    ADD COLUMN coupon_id bigint,
    ADD COLUMN choice_cents bigint NOT NULL DEFAULT 0 CHECK (choice_cents >= 0),
    ADD COLUMN fee_cents bigint NOT NULL DEFAULT 0 CHECK (fee_cents >= 0),  -- what the gateway keeps of the payment
    ADD COLUMN settlement text NOT NULL DEFAULT 'own'       -- whose merchant account takes the buyer's money
        CHECK (settlement IN ('own', 'master')),
    ADD COLUMN delivered_quantity int NOT NULL DEFAULT 0 CHECK (delivered_quantity BETWEEN 0 AND quantity),
    ADD COLUMN refunded_cents bigint NOT NULL DEFAULT 0,
    ADD COLUMN message text NOT NULL DEFAULT '',            -- what was delivered besides cards, in words
    ADD COLUMN lookup_hash text,                            -- of the query password
    ADD COLUMN due_at timestamptz,                          -- when a waiting order is given up; the sweepers look here
    ADD CONSTRAINT orders_refunded CHECK (refunded_cents BETWEEN 0 AND total_cents),
    DROP CONSTRAINT orders_state_check,
    DROP CONSTRAINT orders_check,
    DROP CONSTRAINT orders_check1,
    DROP CONSTRAINT orders_wholesale_cents_check,
    ADD CONSTRAINT orders_wholesale_cents_check CHECK (wholesale_cents > 0 OR good_id IS NULL AND wholesale_cents = 0),
    ADD CONSTRAINT orders_state_check CHECK (state IN
        ('unpaid', 'paid', 'waiting', 'delivered', 'partial', 'expired', 'cancelled', 'refunded')),
    ADD CONSTRAINT orders_paid_check CHECK ((state IN ('unpaid', 'expired', 'cancelled')) = (paid_at IS NULL)),
    ADD CONSTRAINT orders_delivered_check CHECK (state NOT IN ('delivered', 'partial') OR delivered_at IS NOT NULL);
UPDATE orders SET delivered_quantity = quantity WHERE state = 'delivered';
CREATE INDEX orders_basket ON orders (basket_no) WHERE basket_no <> '';
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE order_events
    ADD COLUMN actor text NOT NULL DEFAULT '',              -- empty: nobody, it happened by rule
    ADD COLUMN detail jsonb NOT NULL DEFAULT '{}';

-- Own channels carry their own keys; of settlement 'master' there is nothing to keep here: the master's channel takes it.
ALTER TABLE payment_channels
    ADD COLUMN settlement text NOT NULL DEFAULT 'own' CHECK (settlement IN ('own', 'master')),
    ADD COLUMN master_channel_id int,
    ADD COLUMN fee_rate numeric(6, 5) NOT NULL DEFAULT 0 CHECK (fee_rate >= 0 AND fee_rate < 1);
ALTER TABLE payments
    DROP CONSTRAINT payments_purpose_check,
    ADD CONSTRAINT payments_purpose_check CHECK (purpose IN ('topup', 'order', 'basket')),
    ADD COLUMN refunded_cents bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT payments_refunded CHECK (refunded_cents BETWEEN 0 AND amount_cents);

-- Cards: where they came from, what buyers may see of them when they choose, and the two places beside the pool.
CREATE TABLE card_batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id bigint NOT NULL,
    supplier text NOT NULL DEFAULT '',
    cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),   -- of one card
    note text NOT NULL DEFAULT '',
    made_by text NOT NULL DEFAULT '',
    added int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX card_batches_item ON card_batches (item_id, id);
ALTER TABLE card_pool
    ADD COLUMN batch_id bigint,
    ADD COLUMN label text NOT NULL DEFAULT '';              -- the part of it that is no secret; buyers choose by it
CREATE INDEX card_pool_batch ON card_pool (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX card_pool_label ON card_pool (item_id, label) WHERE label <> '';
ALTER TABLE card_issued
    ADD COLUMN batch_id bigint,
    ADD COLUMN label text NOT NULL DEFAULT '',
    ADD COLUMN refunded_at timestamptz;                     -- its money went back; it stays here for ever
CREATE INDEX card_issued_item ON card_issued (item_id, fingerprint);

-- Cards that an unpaid order keeps from others until it is paid or ends.
CREATE TABLE card_held (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0,
    batch_id bigint,
    label text NOT NULL DEFAULT '',
    order_ref uuid NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
);
CREATE INDEX card_held_order ON card_held (order_ref);

-- Cards that are not for sale: frozen for a while, or thrown away and not yet gone.
CREATE TABLE card_aside (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0,
    batch_id bigint,
    label text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('frozen', 'recycled')),
    reason text NOT NULL DEFAULT '',
    made_by text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
);
CREATE INDEX card_aside_item ON card_aside (item_id, state, id);
