-- Invitations, roles that owners compose, delegations, outside identities, the operator's visits.
-- Where tenant_id may be NULL, that is the master station; place is the same with 0, for keys.

CREATE TABLE master.roles (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int REFERENCES master.tenants,
    place int NOT NULL GENERATED ALWAYS AS (coalesce(tenant_id, 0)) STORED,
    name text NOT NULL CHECK (name <> ''),
    permissions text[] NOT NULL CHECK (cardinality(permissions) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (place, id)
);
CREATE UNIQUE INDEX roles_name ON master.roles (place, lower(name));

-- A composed role is written `custom.<id>`. The key keeps it at its own station, and there as long as somebody has it.
ALTER TABLE master.memberships
    ADD COLUMN place int NOT NULL GENERATED ALWAYS AS (coalesce(tenant_id, 0)) STORED,
    ADD COLUMN role_id int GENERATED ALWAYS AS (substring(role FROM '^custom\.([0-9]+)$')::int) STORED,
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN last_sign_in_at timestamptz,
    ADD CONSTRAINT memberships_role FOREIGN KEY (place, role_id) REFERENCES master.roles (place, id);
CREATE INDEX memberships_role_id ON master.memberships (role_id) WHERE role_id IS NOT NULL;

-- NULL: signs in by OpenID Connect only.
ALTER TABLE master.staff ALTER COLUMN password_hash DROP NOT NULL;

-- Tokens are stored as SHA-256. The one in the letter is another than the one that was shown: neither is kept anywhere.
CREATE TABLE master.invitations (
    id uuid PRIMARY KEY,
    tenant_id int REFERENCES master.tenants,
    place int NOT NULL GENERATED ALWAYS AS (coalesce(tenant_id, 0)) STORED,
    role text NOT NULL,
    role_id int GENERATED ALWAYS AS (substring(role FROM '^custom\.([0-9]+)$')::int) STORED,
    email text NOT NULL DEFAULT '',
    name text NOT NULL DEFAULT '',
    token_hash bytea NOT NULL UNIQUE,
    letter_hash bytea UNIQUE,
    letter_at timestamptz,                             -- when a server took the letter
    letter_error text NOT NULL DEFAULT '',
    invited_by text NOT NULL,
    invited_by_id uuid REFERENCES master.staff,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid REFERENCES master.staff,
    revoked_at timestamptz,
    CONSTRAINT invitations_role FOREIGN KEY (place, role_id) REFERENCES master.roles (place, id),
    CONSTRAINT accepted_or_revoked CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
CREATE INDEX invitations_open ON master.invitations (place, created_at DESC)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;

-- One permission, lent to one person until a moment.
CREATE TABLE master.delegations (
    id uuid PRIMARY KEY,
    tenant_id int REFERENCES master.tenants,
    place int NOT NULL GENERATED ALWAYS AS (coalesce(tenant_id, 0)) STORED,
    staff_id uuid NOT NULL REFERENCES master.staff,
    permission text NOT NULL,
    note text NOT NULL DEFAULT '',
    given_by text NOT NULL,
    given_by_id uuid NOT NULL REFERENCES master.staff,
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL CHECK (ends_at > created_at),
    revoked_at timestamptz
);
CREATE INDEX delegations_open ON master.delegations (place, staff_id, ends_at) WHERE revoked_at IS NULL;

-- Whoever proves people's identity for this deployment; one, or none.
CREATE TABLE master.identity_providers (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    name text NOT NULL CHECK (name <> ''),
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,                      -- sealed with the master's key
    is_active boolean NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- A person as a provider knows him. Never found by an e-mail address: the pair is what the provider vouches for.
CREATE TABLE master.identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    staff_id uuid NOT NULL REFERENCES master.staff,
    label text NOT NULL DEFAULT '',
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    UNIQUE (staff_id, issuer)
);

-- The operator at a station's console. Written by the tenant's own session, in one transaction with its audit log.
CREATE TABLE master.visits (
    id uuid PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES master.tenants,
    staff_id uuid NOT NULL REFERENCES master.staff,
    name text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    mode text NOT NULL CHECK (mode IN ('view', 'act')),
    begun_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX visits_tenant ON master.visits (tenant_id, begun_at DESC);
CREATE INDEX visits_open ON master.visits (tenant_id) WHERE ended_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    master.roles, master.invitations, master.delegations, master.identity_providers, master.identities, master.visits
    TO @{master};
GRANT SELECT, INSERT ON master.visits TO @{tenants};
GRANT UPDATE (ended_at) ON master.visits TO @{tenants};
ALTER TABLE master.visits ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.visits TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY own_rows ON master.visits TO @{tenants}
    USING (tenant_id = master.current_tenant()) WITH CHECK (tenant_id = master.current_tenant());
