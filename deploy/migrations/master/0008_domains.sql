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
