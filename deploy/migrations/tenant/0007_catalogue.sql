-- The catalogue: what the shelf is sorted by, and named ways to price what is listed in bulk.

-- Both are counted now and then for sorting; nothing is decided by them.
ALTER TABLE products
    ADD COLUMN margin numeric(9, 6),                        -- the share of the price that the station keeps
    ADD COLUMN sold_out boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT products_archived CHECK (archived_at IS NULL OR state = 'hidden');
CREATE INDEX products_shelf ON products (position, id) WHERE state = 'on_sale' AND variant_of IS NULL;
CREATE UNIQUE INDEX products_variant ON products (variant_of, spec_values)
    WHERE variant_of IS NOT NULL AND archived_at IS NULL;

CREATE TABLE listing_templates (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    terms jsonb NOT NULL,                                   -- tenants.shop.markup.Terms
    created_at timestamptz NOT NULL DEFAULT now()
);
