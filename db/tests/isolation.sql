-- A clinic sees and changes its own rows only, whatever the application forgets.

-- test: without a context every tenant table is empty and nothing fails
-- as: nexacore_app
DO $$
DECLARE
    name regclass;
BEGIN
    PERFORM t.ok(count(*) >= 17, 'the tables were found') FROM t.tenant_tables();
    FOR name IN SELECT t.tenant_tables() LOOP
        PERFORM t.rows(0, format('SELECT FROM %s', name));
    END LOOP;
END
$$;

-- test: an empty context is like none
-- as: nexacore_app
DO $$
DECLARE
    name regclass;
BEGIN
    PERFORM t.act(NULL);
    FOR name IN SELECT t.tenant_tables() LOOP
        PERFORM t.rows(0, format('SELECT FROM %s', name));
    END LOOP;
END
$$;

-- test: in the context of a clinic every tenant table shows that clinic's row and no other
-- as: nexacore_app
DO $$
DECLARE
    name regclass;
BEGIN
    PERFORM t.act(t.a());
    FOR name IN SELECT t.tenant_tables() LOOP
        PERFORM t.rows(1, format('SELECT FROM %s', name));
        PERFORM t.rows(1, format('SELECT FROM %s x WHERE x.%I = t.a()', name,
                                 CASE name::text WHEN 'clinics' THEN 'id' ELSE 'clinic_id' END));
    END LOOP;
END
$$;

-- test: the owner of the tables is held by the policies too
-- as: nexacore_owner
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT t.tenant_tables() LOOP
        -- it numbers the outbox for everybody, so it sees that one
        CONTINUE WHEN name::text IN ('outbox', 'outbox_counters');
        PERFORM t.rows(0, format('SELECT FROM %s', name));
    END LOOP;
END
$$;

-- test: nothing can be written for another clinic
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('42501', 'INSERT INTO patients (clinic_id, full_name, phi_key_version) VALUES (t.b(), ''x'', 1)');
SELECT t.fails('42501', 'INSERT INTO users (clinic_id, auth_id, role, full_name) VALUES (t.b(), ''n'', ''ADMIN'', ''n'')');
SELECT t.fails('42501', 'INSERT INTO intake_forms (clinic_id) VALUES (t.b())');
SELECT t.fails('42501', 'INSERT INTO alerts (clinic_id, patient_id, urgency_level) VALUES (t.b(), t.id(''patient'', ''b''), ''LOW'')');
SELECT t.fails('42501', 'INSERT INTO audit_logs (clinic_id, action) VALUES (t.b(), ''X'')');
SELECT t.fails('42501', 'INSERT INTO outbox (clinic_id, kind, name) VALUES (t.b(), ''event'', ''x'')');
SELECT t.fails('42501', 'INSERT INTO clinics (name, country) VALUES (''c'', ''CO'')');
SELECT t.fails('42501', 'INSERT INTO billing_display_cache (clinic_id) VALUES (t.b())');

-- test: a row cannot be moved into another clinic
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('42501', 'UPDATE patients SET clinic_id = t.b()');
SELECT t.fails('42501', 'UPDATE devices SET clinic_id = t.b(), user_id = t.id(''user'', ''b'')');

-- test: another clinic's rows are not there to be changed or deleted
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.rows(0, 'UPDATE patients SET provisional = true WHERE clinic_id = t.b()');
SELECT t.rows(0, 'UPDATE alerts SET room_number = ''1'' WHERE id = t.id(''alert'', ''b'')');
SELECT t.rows(0, 'DELETE FROM devices WHERE clinic_id = t.b()');
SELECT t.rows(0, 'UPDATE clinics SET name = ''mine'' WHERE id = t.b()');

-- test: a row cannot point into another clinic, not even when a superuser writes it
-- as: postgres
SELECT t.fails('23503', 'UPDATE intake_forms SET patient_id = t.id(''patient'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE intake_forms SET uploaded_by = t.id(''user'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE intake_forms SET alert_id = t.id(''alert'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE intake_forms SET duplicate_of = t.id(''form'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE alerts SET patient_id = t.id(''patient'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE alerts SET assigned_to = t.id(''user'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE alerts SET intake_form_id = t.id(''form'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE alert_deliveries SET alert_id = t.id(''alert'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE on_call_shifts SET user_id = t.id(''user'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE devices SET user_id = t.id(''user'', ''b'') WHERE clinic_id = t.a()');
SELECT t.fails('23503', 'UPDATE billing_display_cache SET patient_id = t.id(''patient'', ''b'') WHERE clinic_id = t.a()');

-- test: every foreign key between tenant tables carries clinic_id
-- as: postgres
DO $$
DECLARE
    key record;
BEGIN
    FOR key IN
        SELECT c.conrelid::regclass AS source, c.conname FROM pg_constraint c
        WHERE c.contype = 'f' AND c.conrelid IN (SELECT t.tenant_tables())
          AND c.confrelid IN (SELECT t.tenant_tables()) AND c.confrelid <> 'clinics'::regclass
          AND NOT EXISTS (SELECT FROM unnest(c.conkey) k JOIN pg_attribute a
                          ON a.attrelid = c.conrelid AND a.attnum = k AND a.attname = 'clinic_id')
    LOOP
        PERFORM t.ok(false, format('%s.%s lacks clinic_id', key.source, key.conname));
    END LOOP;
END
$$;

-- test: every index of a tenant table leads with clinic_id, the named exceptions apart
-- as: postgres
DO $$
DECLARE
    bad record;
BEGIN
    FOR bad IN
        SELECT i.indexrelid::regclass::text AS name FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid IN (SELECT t.tenant_tables()) AND a.attname <> 'clinic_id'
          AND NOT i.indisprimary
          AND i.indexrelid::regclass::text NOT IN (
              'users_auth_id_key',                   -- sign-in is unique over all clinics
              'square_connections_merchant_id_key',  -- a webhook names a merchant alone
              'alerts_escalation_due', 'alerts_sms_due', 'idempotency_keys_by_age') -- ticks
    LOOP
        PERFORM t.ok(false, bad.name || ' does not lead with clinic_id');
    END LOOP;
END
$$;

-- test: row security is enabled and forced on every tenant table and partition, with a policy
-- as: postgres
DO $$
DECLARE
    bad record;
BEGIN
    FOR bad IN
        SELECT c.oid::regclass::text AS name FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'clinic_id'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
    LOOP
        PERFORM t.ok(false, bad.name || ' is open');
    END LOOP;
    PERFORM t.ok(bool_and(EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = name)),
                 'every tenant table has a policy') FROM t.tenant_tables() name;
END
$$;

-- test: no policy has an OR
-- as: postgres
SELECT t.rows(0, 'SELECT FROM pg_policies WHERE schemaname = ''public'' AND (qual ~* ''\mor\M'' OR with_check ~* ''\mor\M'')');

-- test: row security cannot be switched off by the application
-- as: nexacore_app
SELECT t.act(t.a());
SET LOCAL row_security = off;
SELECT t.fails('42501', 'SELECT FROM patients');

-- test: the application cannot change tables, policies or triggers
-- as: nexacore_app
SELECT t.fails('42501', 'ALTER TABLE patients DISABLE ROW LEVEL SECURITY');
SELECT t.fails('42501', 'ALTER TABLE audit_logs DISABLE TRIGGER ALL');
SELECT t.fails('42501', 'DROP POLICY patients_clinic_isolation ON patients');
SELECT t.fails('42501', 'CREATE TABLE public.mine (x int)');
SELECT t.fails('42501', 'CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS ''SELECT 1''');
SELECT t.fails('42501', 'SET session_replication_role = replica');
SELECT t.fails('42501', 'TRUNCATE patients');
SELECT t.fails('42501', 'DELETE FROM patients');
SELECT t.fails('42501', 'UPDATE schema_migrations SET version = 0');
