-- What a station's life looks like, and what its shop looks like.

-- trial, active: sells. overdue: shows, takes no new orders. suspended: closed to buyers, its console is open.
-- closing: closed to buyers, can be undone until closing_until. closed: nothing is left but the row and a certificate.
ALTER TABLE master.tenants
    DROP CONSTRAINT tenants_state_check,
    ADD CONSTRAINT tenants_state_check
        CHECK (state IN ('trial', 'active', 'overdue', 'suspended', 'closing', 'closed')),
    ADD COLUMN state_reason text NOT NULL DEFAULT '',
    ADD COLUMN state_since timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN closing_until timestamptz,
    ADD COLUMN is_canary boolean NOT NULL DEFAULT false,    -- migrated before all others
    ADD COLUMN theme text NOT NULL DEFAULT 'classic' CHECK (theme IN ('classic', 'market', 'night')),
    ADD COLUMN logo text NOT NULL DEFAULT '',               -- the path of a picture on the station's own host
    ADD COLUMN favicon text NOT NULL DEFAULT '',
    ADD CONSTRAINT closing_has_an_end CHECK ((state = 'closing') = (closing_until IS NOT NULL));

GRANT SELECT (state_reason, state_since, closing_until, theme, logo, favicon) ON master.tenants TO @{tenants};
