-- What runs with the owner's rights looks names up where nobody else can write. Without this the caller's search path is
-- used, and pg_temp is searched before anything else for tables and for types: a domain pg_temp.text would be evaluated
-- as the owner. It also spares PostgreSQL planning anew whenever a connection goes from one tenant to another.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'master'::regnamespace AND p.prosecdef LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', v_function);
    END LOOP;
END $$;
