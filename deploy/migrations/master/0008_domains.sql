-- Custom domains: claimed, verified, served.

-- A domain that a station says is its own, until it is proved; then it becomes a row of master.hosts. Several stations
-- may claim one domain: the first that proves it has it.
CREATE TABLE master.host_claims (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES master.tenants,
    host text NOT NULL CHECK (host = lower(host) AND host <> ''),
    token text NOT NULL,                -- what the TXT record or the well-known file has to say
    created_at timestamptz NOT NULL DEFAULT now(),
    checked_at timestamptz,
    error text NOT NULL DEFAULT '',     -- a code: why the last check failed
    UNIQUE (tenant_id, host)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON master.host_claims TO @{master};

-- pending: looked at again and again for seven days. lapsed: that time is over. lost: another station proved it first.
-- proof: how it was proved, while the name does not lead here yet. seen: what the last check found instead.
ALTER TABLE master.host_claims
    ADD COLUMN state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'lapsed', 'lost')),
    ADD COLUMN proof text NOT NULL DEFAULT '' CHECK (proof IN ('', 'txt', 'cname', 'file')),
    ADD COLUMN seen text NOT NULL DEFAULT '',
    ADD COLUMN attempts int NOT NULL DEFAULT 0,
    ADD COLUMN next_check_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX host_claims_due ON master.host_claims (next_check_at) WHERE state = 'pending';
CREATE INDEX host_claims_host ON master.host_claims (host);

-- A served host is looked at once a day: does it still lead here? Under the deployment's own domain there is nothing to
-- look at, and next_check_at becomes NULL.
ALTER TABLE master.hosts
    ADD COLUMN proof text NOT NULL DEFAULT 'given' CHECK (proof IN ('given', 'txt', 'cname', 'file', 'operator')),
    ADD COLUMN added_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN checked_at timestamptz,
    ADD COLUMN next_check_at timestamptz DEFAULT now(),
    ADD COLUMN error text NOT NULL DEFAULT '',
    ADD COLUMN seen text NOT NULL DEFAULT '';
CREATE INDEX hosts_due ON master.hosts (next_check_at);
CREATE INDEX hosts_tenant ON master.hosts (tenant_id);

-- A station claims and withdraws, and chooses among its hosts. That a domain is proved only the master writes.
GRANT SELECT, DELETE, INSERT (tenant_id, host, token) ON master.host_claims TO @{tenants};
GRANT DELETE, UPDATE (is_primary) ON master.hosts TO @{tenants};
ALTER TABLE master.host_claims ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.host_claims TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY own_rows ON master.host_claims TO @{tenants}
    USING (tenant_id = master.current_tenant()) WITH CHECK (tenant_id = master.current_tenant());

-- Whether anybody serves a host: a station sees no rows of others, and anybody could find out by calling the host.
CREATE FUNCTION master.host_is_served(p_host text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT 1 FROM master.hosts WHERE host = p_host);
REVOKE ALL ON FUNCTION master.host_is_served FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.host_is_served TO @{master}, @{tenants};
