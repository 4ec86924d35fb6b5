-- Feature flags: the master's policies, roll-outs, and what each tenant chose.
-- Which flags there are, their types and defaults, is said in code (tenants/toggles/flags.py); what is kept here for a
-- flag that code no longer knows has no effect. The order in which these count: tenants/toggles/decision.py.

-- force: the value is fixed. lock: the tenant sees it and may not change it. allow: the tenant may choose.
CREATE TABLE master.flag_policies (
    flag text NOT NULL CHECK (flag <> ''),
    tenant_id int REFERENCES master.tenants,                -- NULL: for all that have no policy of their own
    mode text NOT NULL CHECK (mode IN ('force', 'lock', 'allow')),
    value jsonb CHECK (value <> 'null'),                    -- NULL: whatever plan, roll-out or default say
    reason text NOT NULL DEFAULT '',                        -- the owner reads it
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (flag, tenant_id),
    CONSTRAINT a_forced_flag_has_a_value CHECK (mode <> 'force' OR value IS NOT NULL),
    CONSTRAINT a_locked_flag_has_a_reason CHECK (mode <> 'lock' OR reason <> '')
);
CREATE INDEX flag_policies_tenant ON master.flag_policies (tenant_id);

CREATE TABLE master.flag_plan_values (
    plan_id int NOT NULL REFERENCES master.plans ON DELETE CASCADE,
    flag text NOT NULL CHECK (flag <> ''),
    value jsonb NOT NULL CHECK (value <> 'null'),
    PRIMARY KEY (plan_id, flag)
);

-- `share` of all tenants, in hundredths of a percent, get `value` as their default.
CREATE TABLE master.flag_rollouts (
    flag text PRIMARY KEY CHECK (flag <> ''),
    value jsonb NOT NULL CHECK (value <> 'null'),
    share int NOT NULL CHECK (share BETWEEN 0 AND 10000),
    remind_on date NOT NULL,                                -- by then it should be everybody's default, or gone
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.flag_choices (
    tenant_id int NOT NULL REFERENCES master.tenants,
    flag text NOT NULL CHECK (flag <> ''),
    value jsonb NOT NULL CHECK (value <> 'null'),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, flag)
);
CREATE INDEX flag_choices_flag ON master.flag_choices (flag);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    master.flag_policies, master.flag_plan_values, master.flag_rollouts, master.flag_choices TO @{master};
GRANT SELECT, INSERT, UPDATE, DELETE ON master.flag_choices TO @{tenants};

ALTER TABLE master.flag_choices ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.flag_choices TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY own_rows ON master.flag_choices TO @{tenants}
    USING (tenant_id = master.current_tenant()) WITH CHECK (tenant_id = master.current_tenant());
