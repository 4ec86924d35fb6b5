-- What became of migrations: each run, and each schema that could not be brought up, with why.

CREATE TABLE master.migration_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target int NOT NULL,                        -- the version of tenants' schemas that it went for
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped', 'broken_off')),
    wanted int NOT NULL DEFAULT 0,              -- schemas to bring up, ...
    done int NOT NULL DEFAULT 0,                -- ... brought up so far, ...
    failed int NOT NULL DEFAULT 0,              -- ... and given up
    said text NOT NULL DEFAULT '',              -- why it stopped
    began_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((state = 'running') = (ended_at IS NULL))
);

-- Gone as soon as the schema has been brought up.
CREATE TABLE master.migration_failures (
    tenant_id int PRIMARY KEY,                  -- also the number of a schema that is in the pool
    version int NOT NULL,                       -- where it stands
    migration text NOT NULL DEFAULT '',         -- the file that failed
    error text NOT NULL,
    attempts int NOT NULL DEFAULT 1,            -- runs in which it failed
    at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON master.migration_runs, master.migration_failures TO @{master};
