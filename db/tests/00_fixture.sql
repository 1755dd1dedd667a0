-- The world of the SQL tests: assertions, and two clinics with a row in every tenant table.
--
-- Run once by a superuser. The rule: clinic A and clinic B hold the same number of rows everywhere,
-- so a count tells whose rows were seen. Ids end in a (clinic A) or b (clinic B).

CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;

CREATE FUNCTION t.ok(good boolean, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF good IS NOT TRUE THEN
        RAISE EXCEPTION 'not so: %', what;
    END IF;
    RETURN what;
END
$$;

-- The statement gives exactly this many rows.
CREATE FUNCTION t.rows(wanted bigint, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS got = ROW_COUNT;
    IF got <> wanted THEN
        RAISE EXCEPTION '% rows, expected %: %', got, wanted, statement;
    END IF;
    RETURN statement;
END
$$;

-- The statement fails with this SQLSTATE.
CREATE FUNCTION t.fails(wanted text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'was accepted: %', statement USING ERRCODE = 'ZZ001';
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE <> wanted THEN
        RAISE EXCEPTION '% (%), expected %: %', SQLSTATE, SQLERRM, wanted, statement;
    END IF;
    RETURN statement;
END
$$;

CREATE FUNCTION t.a() RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT '00000000-0000-7000-8000-00000000000a'::uuid $$;
CREATE FUNCTION t.b() RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT '00000000-0000-7000-8000-00000000000b'::uuid $$;

-- t.id('patient', 'a'): the id of that thing in that clinic.
CREATE FUNCTION t.id(thing text, clinic text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-7000-8' || CASE thing WHEN 'user' THEN '001' WHEN 'patient' THEN '002'
            WHEN 'form' THEN '003' WHEN 'alert' THEN '004' WHEN 'device' THEN '005' END
            || '-00000000000' || clinic)::uuid
$$;

CREATE FUNCTION t.act(clinic uuid, role text DEFAULT 'ADMIN') RETURNS text LANGUAGE sql AS $$
    SELECT set_config('app.current_clinic_id', coalesce(clinic::text, ''), true),
           set_config('app.current_role', role, true);
    SELECT 'acting'
$$;

-- Every table that belongs to a clinic, partitions apart, from the catalogs.
CREATE FUNCTION t.tenant_tables() RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition
      AND (c.relname = 'clinics' OR EXISTS (SELECT FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attname = 'clinic_id' AND NOT a.attisdropped))
    ORDER BY c.relname
$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO PUBLIC;

DO $$
DECLARE
    side   text;
    clinic uuid;
BEGIN
    FOREACH side IN ARRAY ARRAY['a', 'b'] LOOP
        clinic := CASE side WHEN 'a' THEN t.a() ELSE t.b() END;
        INSERT INTO clinics (id, name, country) VALUES (clinic, 'Clinic ' || side, 'CO');
        INSERT INTO users (id, clinic_id, auth_id, role, full_name)
            VALUES (t.id('user', side), clinic, 'auth|' || side, 'DOCTOR', 'Doctor ' || side);
        INSERT INTO clinic_keys (clinic_id, version, wrapped, pepper) VALUES (clinic, 1, 'w', 'p');
        INSERT INTO patients (id, clinic_id, full_name, phi_key_version, name_index)
            VALUES (t.id('patient', side), clinic, 'sealed', 1, 'index');
        INSERT INTO patient_name_tokens VALUES (clinic, 'token', t.id('patient', side));
        INSERT INTO intake_forms (id, clinic_id, patient_id, uploaded_by)
            VALUES (t.id('form', side), clinic, t.id('patient', side), t.id('user', side));
        INSERT INTO intake_layouts (clinic_id, layout, anchors, fields)
            VALUES (clinic, '{"id":"","anchors":[],"fields":[]}', 5, 1);
        INSERT INTO alerts (id, clinic_id, patient_id, urgency_level, assigned_to, intake_form_id,
                            escalation_due_at)
            VALUES (t.id('alert', side), clinic, t.id('patient', side), 'CRITICAL',
                    t.id('user', side), t.id('form', side), now());
        INSERT INTO alert_deliveries (clinic_id, alert_id, user_id, channel)
            VALUES (clinic, t.id('alert', side), t.id('user', side), 'sms');
        INSERT INTO alert_events (clinic_id, alert_id, event)
            VALUES (clinic, t.id('alert', side), 'CREATED');
        INSERT INTO on_call_shifts (clinic_id, user_id, tier, starts_at, ends_at)
            VALUES (clinic, t.id('user', side), 1, now(), now() + interval '8 hours');
        INSERT INTO devices (id, clinic_id, user_id, platform, token, token_hash, phi_key_version)
            VALUES (t.id('device', side), clinic, t.id('user', side), 'web', 's', 'hash', 1);
        INSERT INTO billing_display_cache (clinic_id, patient_id, square_order_id, status)
            VALUES (clinic, t.id('patient', side), 'order-1', 'PAID');
        INSERT INTO square_connections (clinic_id, token, phi_key_version, merchant_id)
            VALUES (clinic, 's', 1, 'merchant-' || side);
        INSERT INTO audit_logs (clinic_id, action) VALUES (clinic, 'READ_PATIENT');
        INSERT INTO outbox (clinic_id, kind, name) VALUES (clinic, 'event', 'alert:new');
        INSERT INTO idempotency_keys (clinic_id, user_id, key, route, body_hash)
            VALUES (clinic, t.id('user', side), 'key-1', 'POST /x', sha256('x'));
    END LOOP;
END
$$;
