-- The audit log, chained by hash: whoever changes, removes or moves a line must write anew all that came after it, and
-- the heads that were printed before (`kameng audit verify`) no longer fit. One chain for each tenant, one (0) for the
-- master. What is hashed is `master.audit_content`; kameng/audit/chain.py does the same, so that verifying does not
-- trust this database's own functions.

ALTER TABLE master.audit_log
    ADD COLUMN before jsonb,
    ADD COLUMN after jsonb,
    ADD COLUMN seq bigint,      -- 1, 2, 3, ... in its chain
    ADD COLUMN hash bytea;      -- sha256(hash of the line before, 32 zero bytes for the first, then the content)

-- The last line of each chain. Its row is locked until the commit, so one chain has one writer at a time, and others do
-- not wait for it.
CREATE TABLE master.audit_heads (
    chain int PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 50);

-- The texts of a line, each with its length before it, so that no two lines have the same content: `5:hello,-` is
-- 'hello' and NULL. Lengths are bytes of UTF-8; `at` is microseconds since 1970.
CREATE FUNCTION master.audit_content(l master.audit_log) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT convert_to(string_agg(coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-'), ',' ORDER BY n),
                      'UTF8')
    FROM unnest(ARRAY[
        coalesce(l.tenant_id, 0)::text, l.seq::text, l.id::text, (extract(epoch FROM l.at) * 1000000)::bigint::text,
        l.actor, l.action, l.subject, l.address, l.detail::text, l.before::text, l.after::text
    ]) WITH ORDINALITY AS fields (field, n)
);

CREATE FUNCTION master.audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_chain int := coalesce(NEW.tenant_id, 0);
    v_seq bigint;
    v_hash bytea;
BEGIN
    SELECT seq, hash INTO v_seq, v_hash FROM master.audit_heads WHERE chain = v_chain FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO master.audit_heads VALUES (v_chain, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT seq, hash INTO v_seq, v_hash FROM master.audit_heads WHERE chain = v_chain FOR UPDATE;
    END IF;
    NEW.at := clock_timestamp();    -- of the lock: in a chain, later lines have later times
    NEW.seq := v_seq + 1;
    NEW.hash := sha256(v_hash || master.audit_content(NEW));
    UPDATE master.audit_heads SET seq = NEW.seq, hash = NEW.hash WHERE chain = v_chain;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION master.audit_content, master.audit_chain FROM PUBLIC;

-- The lines that are there already, in the order in which they were written.
ALTER TABLE master.audit_log DISABLE TRIGGER audit_log_append_only;
DO $$
DECLARE
    v_line master.audit_log;
    v_chain int;
    v_seq bigint;
    v_hash bytea;
BEGIN
    FOR v_line IN SELECT * FROM master.audit_log ORDER BY coalesce(tenant_id, 0), id LOOP
        IF v_chain IS DISTINCT FROM coalesce(v_line.tenant_id, 0) THEN
            v_chain := coalesce(v_line.tenant_id, 0);
            v_seq := 0;
            v_hash := decode(repeat('00', 32), 'hex');
        END IF;
        v_seq := v_seq + 1;
        v_line.seq := v_seq;
        v_hash := sha256(v_hash || master.audit_content(v_line));
        UPDATE master.audit_log SET seq = v_seq, hash = v_hash WHERE id = v_line.id;
    END LOOP;
END $$;
ALTER TABLE master.audit_log ENABLE TRIGGER audit_log_append_only;
INSERT INTO master.audit_heads
    SELECT DISTINCT ON (coalesce(tenant_id, 0)) coalesce(tenant_id, 0), seq, hash FROM master.audit_log
    ORDER BY coalesce(tenant_id, 0), seq DESC;

ALTER TABLE master.audit_log ALTER COLUMN seq SET NOT NULL, ALTER COLUMN hash SET NOT NULL;
CREATE UNIQUE INDEX audit_log_chain ON master.audit_log (coalesce(tenant_id, 0), seq);
CREATE INDEX audit_log_actor ON master.audit_log (actor, id DESC);
CREATE INDEX audit_log_action ON master.audit_log (action, id DESC);
CREATE INDEX audit_log_subject ON master.audit_log (subject, id DESC);
CREATE INDEX audit_log_address ON master.audit_log (address, id DESC);
CREATE INDEX audit_log_at ON master.audit_log (at);

CREATE TRIGGER audit_log_chained BEFORE INSERT ON master.audit_log
    FOR EACH ROW EXECUTE FUNCTION master.audit_chain();

-- A head moves on by one line at a time, and never back.
CREATE FUNCTION master.audit_head_moves_on() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.chain = OLD.chain AND NEW.seq = OLD.seq + 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'KM403';
END $$;
CREATE TRIGGER audit_heads_move_on BEFORE UPDATE OR DELETE ON master.audit_heads
    FOR EACH ROW EXECUTE FUNCTION master.audit_head_moves_on();
CREATE TRIGGER audit_heads_stay BEFORE TRUNCATE ON master.audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION master.audit_head_moves_on();

-- Number, time, place in the chain and hash are the database's to say.
REVOKE INSERT ON master.audit_log FROM @{master}, @{tenants};
GRANT INSERT (tenant_id, actor, action, subject, detail, before, after, address) ON master.audit_log
    TO @{master}, @{tenants};
GRANT SELECT ON master.audit_heads TO @{master};
