-- Who the tenants are, and how PostgreSQL knows which of them is asking.
-- @{owner} owns every table and every function here; nobody logs in as it.

GRANT USAGE ON SCHEMA master TO @{master}, @{tenants};

-- The tenant whose role this transaction has taken, or NULL for the master. The GUC `role` keeps the role that was set
-- even inside a SECURITY DEFINER function, where current_user is the owner.
CREATE FUNCTION master.current_tenant() RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE
RETURN substring(current_setting('role') FROM '_tenant_([0-9]+)$')::int;

CREATE TABLE master.tiers (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    rank int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.tenants (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    name text NOT NULL CHECK (name <> ''),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'closed')),
    tier_id int NOT NULL REFERENCES master.tiers,
    time_zone text NOT NULL DEFAULT 'Asia/Shanghai',
    locale text NOT NULL DEFAULT 'zh_CN',
    accent text NOT NULL DEFAULT '#2563eb' CHECK (accent ~ '^#[0-9a-f]{6}$'),
    notice text NOT NULL DEFAULT '',
    contact text NOT NULL DEFAULT '',
    version int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.hosts (
    host text PRIMARY KEY CHECK (host = lower(host) AND host <> ''),
    tenant_id int NOT NULL REFERENCES master.tenants,
    is_primary boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX hosts_one_primary ON master.hosts (tenant_id) WHERE is_primary;

-- The key each tenant's secrets are sealed with, itself sealed with the vault key. Scope: 'master' or 'tenant_<n>'.
CREATE TABLE master.data_keys (
    scope text PRIMARY KEY,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.staff (
    id uuid PRIMARY KEY,
    login text NOT NULL CHECK (login <> ''),
    name text NOT NULL,
    password_hash text NOT NULL,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX staff_login ON master.staff (lower(login));

CREATE TABLE master.memberships (
    staff_id uuid NOT NULL REFERENCES master.staff,
    tenant_id int REFERENCES master.tenants,  -- NULL: the master station
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (staff_id, tenant_id)
);
CREATE INDEX memberships_tenant ON master.memberships (tenant_id);

CREATE TABLE master.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    address text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_tenant ON master.audit_log (tenant_id, id DESC);

-- One row for each follower of each event, written in the transaction that made the event true, deleted when the
-- follower has done its work. What is left over after `due_at` is sent again.
CREATE TABLE master.outbox (
    id uuid PRIMARY KEY,
    tenant_id int,
    follower text NOT NULL,
    payload jsonb NOT NULL,
    trace_id text NOT NULL DEFAULT '',
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_due ON master.outbox (due_at);

CREATE FUNCTION master.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'KM403';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();

-- Rights. The master role: everything but history. A tenant: its own rows of the shared tables, nothing else.
GRANT SELECT, INSERT, UPDATE, DELETE ON
    master.tiers, master.tenants, master.hosts, master.data_keys, master.staff, master.memberships, master.outbox
    TO @{master};
GRANT SELECT, INSERT ON master.audit_log TO @{master};
GRANT SELECT, INSERT ON master.audit_log TO @{tenants};
GRANT INSERT ON master.outbox TO @{tenants};
GRANT SELECT (id, slug, name, state, time_zone, locale, accent, notice, contact, created_at)
    ON master.tenants TO @{tenants};
GRANT SELECT ON master.hosts TO @{tenants};

ALTER TABLE master.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE master.hosts ENABLE ROW LEVEL SECURITY;
ALTER TABLE master.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE master.outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.tenants TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY master_all ON master.hosts TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY master_all ON master.audit_log TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY master_all ON master.outbox TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY own_rows ON master.tenants TO @{tenants} USING (id = master.current_tenant());
CREATE POLICY own_rows ON master.hosts TO @{tenants} USING (tenant_id = master.current_tenant());
CREATE POLICY own_rows ON master.audit_log TO @{tenants}
    USING (tenant_id = master.current_tenant()) WITH CHECK (tenant_id = master.current_tenant());
CREATE POLICY own_rows ON master.outbox TO @{tenants}
    USING (tenant_id = master.current_tenant()) WITH CHECK (tenant_id = master.current_tenant());
