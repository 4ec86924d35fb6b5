-- How a station looks: what its owner sets, in one transaction of the tenant.
ALTER TABLE master.tenants
    ADD COLUMN contacts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(contacts) = 'object'),  -- kind: what stands there
    ADD COLUMN footer jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(footer) = 'array'),       -- published pages
    ADD CONSTRAINT logo_is_its_own CHECK (logo = '' OR logo ~ '^/media/[0-9a-f]{64}\.(png|jpg|webp)$'),
    ADD CONSTRAINT favicon_is_its_own CHECK (favicon = '' OR favicon ~ '^/media/[0-9a-f]{64}\.(png|jpg|webp)$');

GRANT SELECT (contacts, footer) ON master.tenants TO @{tenants};
-- The policy own_rows keeps a tenant to its own row.
GRANT UPDATE (name, accent, theme, logo, favicon, notice, contact, contacts, footer) ON master.tenants TO @{tenants};
