-- Schemas made beforehand, stations imported in bulk, certificates of closed ones.

-- Numbers of stations to come, drawn from the sequence of master.tenants: each has its role and its schema of this
-- version. Whoever opens a station deletes a row and inserts the tenant of that number in one transaction.
CREATE TABLE master.pooled_schemas (
    id int PRIMARY KEY,
    version int NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, UPDATE, DELETE ON master.pooled_schemas TO @{master};

-- What undoing a closing goes back to, and who asked for it.
ALTER TABLE master.tenants
    ADD COLUMN state_before text NOT NULL DEFAULT '',
    ADD COLUMN reason_before text NOT NULL DEFAULT '',
    ADD COLUMN closing_by text NOT NULL DEFAULT '';
CREATE INDEX tenants_closing ON master.tenants (closing_until) WHERE state = 'closing';

-- A file of stations to open. Checked when it is sent, opened line by line once the operator has said so.
CREATE TABLE master.station_imports (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_name text NOT NULL DEFAULT '',
    by_name text NOT NULL,
    by_address text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
-- A line is opened in the transaction that changes its state, so it is opened once, however often its event comes.
CREATE TABLE master.station_import_lines (
    import_id int NOT NULL REFERENCES master.station_imports ON DELETE CASCADE,
    line int NOT NULL,                  -- as an editor counts: the head of the file is line 1
    cells jsonb NOT NULL,               -- column -> what stood there
    draft jsonb,                        -- what is opened from them, if they are right
    owner jsonb,                        -- who is invited to own it: name and e-mail
    deposit_cents bigint NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('waiting', 'opened', 'refused')),
    errors jsonb NOT NULL DEFAULT '{}', -- column -> why it was refused
    tenant_id int REFERENCES master.tenants DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (import_id, line),
    CHECK ((state = 'opened') = (tenant_id IS NOT NULL)),
    CHECK (state = 'refused' OR draft IS NOT NULL)
);
CREATE INDEX station_import_lines_state ON master.station_import_lines (import_id, state, line);
GRANT SELECT, INSERT, UPDATE, DELETE ON master.station_imports, master.station_import_lines TO @{master};

-- What is left of a closed station. `document` is canonical JSON (keys sorted, no spaces), and the hash is over its bytes.
CREATE TABLE master.closing_certificates (
    tenant_id int PRIMARY KEY REFERENCES master.tenants,
    document text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 = encode(sha256(convert_to(document, 'UTF8')), 'hex')),
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER closing_certificates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.closing_certificates
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();
GRANT SELECT ON master.closing_certificates TO @{master};
