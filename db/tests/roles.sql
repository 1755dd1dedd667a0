-- What each database role may do, and what it may become.

-- test: the application's role has no power of its own
-- as: nexacore_app
SELECT t.rows(1, 'SELECT FROM pg_roles WHERE rolname = current_user AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)');

-- test: what a killed process of the application leaves behind ends by itself
-- as: nexacore_app
SELECT t.ok(current_setting('statement_timeout') = '1min', 'statements end');
SELECT t.ok(current_setting('idle_in_transaction_session_timeout') = '1min', 'transactions end');

-- test: the application can do its work in its clinic
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.rows(1, 'INSERT INTO users (clinic_id, auth_id, role, full_name) VALUES (t.a(), ''auth|n'', ''ADMIN'', ''n'')');
SELECT t.rows(1, 'INSERT INTO patients (clinic_id, full_name) VALUES (t.a(), pgp_sym_encrypt(''n'', ''k''))');
SELECT t.rows(1, 'INSERT INTO patient_name_tokens VALUES (t.a(), ''other'', t.id(''patient'', ''a''))');
SELECT t.rows(1, 'INSERT INTO intake_forms (clinic_id) VALUES (t.a())');
SELECT t.rows(1, 'INSERT INTO alerts (clinic_id, patient_id, urgency_level) VALUES (t.a(), t.id(''patient'', ''a''), ''LOW'')');
SELECT t.rows(1, 'INSERT INTO alert_events (clinic_id, alert_id, event) VALUES (t.a(), t.id(''alert'', ''a''), ''X'')');
SELECT t.rows(1, 'INSERT INTO on_call_shifts (clinic_id, user_id, tier, starts_at, ends_at) VALUES (t.a(), t.id(''user'', ''a''), 2, now(), now() + interval ''1 hour'')');
SELECT t.rows(1, 'INSERT INTO devices (clinic_id, user_id, platform, token, token_hash, phi_key_version) VALUES (t.a(), t.id(''user'', ''a''), ''ios'', ''s'', ''h2'', 1)');
SELECT t.rows(1, 'INSERT INTO billing_display_cache (clinic_id, square_order_id) VALUES (t.a(), ''order-2'') ON CONFLICT (clinic_id, square_order_id) DO UPDATE SET status = ''PAID''');
SELECT t.rows(1, 'UPDATE square_connections SET cursor = ''c''');
SELECT t.rows(1, 'UPDATE clinic_settings SET alert_policy = ''{"LOW": {}}''');
SELECT t.rows(1, 'INSERT INTO outbox (clinic_id, kind, name, key) VALUES (t.a(), ''job'', ''ocr-processing'', ''ocr-1'')');
SELECT t.rows(1, 'INSERT INTO idempotency_keys (clinic_id, user_id, key, route, body_hash) VALUES (t.a(), t.id(''user'', ''a''), ''k2'', ''POST /x'', sha256(''x''))');
SELECT t.rows(1, 'INSERT INTO webhook_events (provider, event_id) VALUES (''square'', ''e'')');
SELECT t.rows(0, 'INSERT INTO webhook_events (provider, event_id) VALUES (''square'', ''e'') ON CONFLICT DO NOTHING');
SET CONSTRAINTS ALL IMMEDIATE;

-- test: the application cannot become the owner, a superuser, the counter or the auditor
-- as: nexacore_app
SELECT t.fails('42501', 'SET ROLE nexacore_owner');
SELECT t.fails('42501', 'SET ROLE postgres');
SELECT t.fails('42501', 'SET ROLE nexacore_counts');
SELECT t.fails('42501', 'SET ROLE nexacore_audit_reader');
SELECT t.fails('42501', 'SET SESSION AUTHORIZATION nexacore_owner');
SELECT t.fails('42501', 'GRANT nexacore_owner TO nexacore_app');
SELECT t.fails('42501', 'GRANT nexacore_corporate TO nexacore_app WITH INHERIT TRUE');
SELECT t.fails('42501', 'ALTER ROLE nexacore_app BYPASSRLS');

-- test: the application does not inherit corporate or relay
-- as: nexacore_app
SELECT t.ok(NOT pg_has_role('nexacore_corporate', 'USAGE'), 'corporate is not inherited');
SELECT t.ok(NOT pg_has_role('nexacore_relay', 'USAGE'), 'relay is not inherited');
SELECT t.ok(pg_has_role('nexacore_corporate', 'SET'), 'corporate can be switched to');
SELECT t.ok(pg_has_role('nexacore_relay', 'SET'), 'relay can be switched to');

-- test: corporate reads the patients, forms, users and bills of every clinic without a context
-- as: nexacore_app
SELECT set_config('role', 'nexacore_corporate', true);
SELECT t.rows(2, 'SELECT FROM clinics');
SELECT t.rows(2, 'SELECT FROM users');
SELECT t.rows(2, 'SELECT FROM patients');
SELECT t.rows(2, 'SELECT FROM intake_forms');
SELECT t.rows(2, 'SELECT FROM billing_display_cache');
SELECT t.rows(2, 'SELECT FROM audit_logs');
SELECT t.rows(2, 'SELECT last_synced_at FROM square_connections');

-- test: corporate sees nothing of alerts, queues or tokens
-- as: nexacore_app
SELECT set_config('role', 'nexacore_corporate', true);
SELECT t.fails('42501', 'SELECT id FROM ' || name) FROM unnest(ARRAY['alert_deliveries', 'alert_events', 'outbox']) name;
SELECT t.rows(0, 'SELECT * FROM alerts');
SELECT t.rows(2, 'SELECT p.id FROM patients p LEFT JOIN alerts a ON a.clinic_id = p.clinic_id AND a.patient_id = p.id WHERE a.id IS NULL');
SELECT t.fails('42501', 'SELECT key FROM idempotency_keys');
SELECT t.fails('42501', 'SELECT token FROM square_connections');
SELECT t.rows(0, 'SELECT FROM devices');

-- test: corporate sees the own devices
-- as: nexacore_app
SELECT set_config('app.current_user_id', t.id('user', 'b')::text, true);
SELECT set_config('role', 'nexacore_corporate', true);
SELECT t.rows(1, 'SELECT FROM devices');

-- test: corporate writes nothing anywhere
-- as: nexacore_app
SELECT t.act(t.a(), 'CORPORATE_ADMIN');
SELECT set_config('role', 'nexacore_corporate', true);
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT t.tenant_tables() LOOP
        PERFORM t.ok(NOT has_table_privilege(name, privilege)
                     AND NOT has_any_column_privilege(name, column_privilege),
                     format('corporate has no %s on %s', privilege, name))
        FROM (VALUES ('INSERT', 'INSERT'), ('UPDATE', 'UPDATE'), ('DELETE', 'INSERT'),
                     ('TRUNCATE', 'UPDATE')) p (privilege, column_privilege);
    END LOOP;
END
$$;
SELECT t.fails('42501', 'UPDATE patients SET provisional = true');
SELECT t.fails('42501', 'INSERT INTO patients (clinic_id, full_name, phi_key_version) VALUES (t.a(), ''x'', 1)');
SELECT t.fails('42501', 'DELETE FROM billing_display_cache');

-- test: a corporate user cannot write clinical tables through the application's role either
-- as: nexacore_app
SELECT t.act(t.a(), 'CORPORATE_ADMIN');
SELECT t.fails('42501', 'UPDATE patients SET provisional = true');
SELECT t.fails('42501', 'UPDATE patients SET provisional = true WHERE false');
SELECT t.fails('42501', 'INSERT INTO patients (clinic_id, full_name, phi_key_version) VALUES (t.a(), ''x'', 1)');
SELECT t.fails('42501', 'UPDATE intake_forms SET progress = 1');
SELECT t.fails('42501', 'UPDATE alerts SET room_number = ''1''');
SELECT t.fails('42501', 'DELETE FROM on_call_shifts');

-- test: the counting functions count right and belong to corporate alone
-- as: nexacore_app
SELECT t.fails('42501', 'SELECT * FROM corporate_alert_counts()');
SELECT t.fails('42501', 'SELECT * FROM corporate_alert_latency(t.a(), now())');
SELECT set_config('role', 'nexacore_relay', true);
SELECT t.fails('42501', 'SELECT * FROM corporate_alert_counts()');
SELECT set_config('role', 'nexacore_corporate', true);
SELECT t.rows(2, 'SELECT FROM corporate_alert_counts()');
SELECT t.rows(1, 'SELECT FROM corporate_alert_counts(t.b()) WHERE clinic_id = t.b() AND critical = 1 AND low + moderate + urgent = 0');
SELECT t.rows(1, 'SELECT FROM corporate_alert_latency(t.b(), now() - interval ''1 day'') WHERE alerts = 1 AND acknowledged = 0 AND upload_to_alert_p50_ms = 0 AND alert_to_ack_p50_ms IS NULL');

-- test: a table or function in pg_temp cannot deceive the counting function
-- as: nexacore_app
CREATE TEMP TABLE alerts (clinic_id uuid, urgency_level text, status text);
INSERT INTO pg_temp.alerts SELECT t.a(), 'LOW', 'PENDING' FROM generate_series(1, 9);
GRANT ALL ON pg_temp.alerts TO PUBLIC;
CREATE FUNCTION pg_temp.coalesce_uuid(uuid) RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
CREATE FUNCTION pg_temp.count() RETURNS bigint LANGUAGE sql AS 'SELECT 99::bigint';
SELECT set_config('search_path', 'pg_temp, public', true);
SELECT set_config('role', 'nexacore_corporate', true);
SELECT t.rows(1, 'SELECT FROM public.corporate_alert_counts(t.a()) WHERE low = 0 AND critical = 1');

-- test: every SECURITY DEFINER function pins its search path and is closed to PUBLIC
-- as: postgres
DO $$
DECLARE
    bad record;
BEGIN
    PERFORM t.ok(count(*) >= 4, 'they were found') FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prosecdef;
    FOR bad IN
        SELECT p.oid::regprocedure::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
          AND (NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig) OR p.proconfig IS NULL
               OR p.proacl IS NULL
               OR EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = 0))
    LOOP
        PERFORM t.ok(false, bad.name || ' is open');
    END LOOP;
END
$$;

-- test: the counter sees statuses and times of alerts and nothing else
-- as: postgres
SET LOCAL ROLE nexacore_counts;
SELECT t.rows(2, 'SELECT id, status FROM public.alerts');
SELECT t.fails('42501', 'SELECT reason FROM public.alerts');
SELECT t.fails('42501', 'SELECT patient_id FROM public.alerts');
SELECT t.fails('42501', 'SELECT parsed_json FROM public.intake_forms');
SELECT t.fails('42501', 'SELECT id FROM public.patients');
SELECT t.fails('42501', 'CREATE TABLE public.mine (x int)');

-- test: the relay sees and empties the outbox of every clinic
-- as: nexacore_app
SELECT set_config('role', 'nexacore_relay', true);
SELECT t.rows(2, 'SELECT * FROM outbox ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED');
SELECT t.rows(2, 'UPDATE outbox SET attempts = attempts + 1');
SELECT t.fails('42501', 'UPDATE outbox SET payload = ''{}''');
SELECT t.fails('42501', 'INSERT INTO outbox (clinic_id, kind, name) VALUES (t.a(), ''event'', ''x'')');
SELECT t.rows(2, 'DELETE FROM outbox');

-- test: the relay sees what open work needs, and no more
-- as: nexacore_app
SELECT set_config('role', 'nexacore_relay', true);
SELECT t.rows(2, 'SELECT id, clinic_id FROM intake_forms WHERE status IN (''QUEUED'', ''OCR'', ''SCRUBBING'')');
SELECT t.rows(2, 'SELECT id, clinic_id, escalation_tier FROM alerts WHERE escalation_due_at <= now()');
SELECT t.rows(2, 'SELECT id, is_active, timezone FROM clinics');
SELECT t.rows(1, 'SELECT clinic_id FROM square_connections WHERE merchant_id = ''merchant-b''');
SELECT t.fails('42501', 'SELECT * FROM intake_forms');
SELECT t.fails('42501', 'SELECT parsed_json FROM intake_forms');
SELECT t.fails('42501', 'SELECT patient_id FROM alerts');
SELECT t.fails('42501', 'SELECT reason FROM alerts');
SELECT t.fails('42501', 'SELECT name FROM clinics');
SELECT t.rows(2, 'SELECT id, clinic_id, auth_id, role, is_active FROM users');
SELECT t.fails('42501', 'SELECT full_name FROM users');
SELECT t.fails('42501', 'SELECT phone_e164 FROM users');
SELECT t.fails('42501', 'SELECT token FROM square_connections');
SELECT t.fails('42501', 'SELECT id FROM ' || name) FROM unnest(ARRAY['patients', 'devices', 'billing_display_cache', 'audit_logs']) name;
SELECT t.fails('42501', 'SELECT version FROM clinic_keys');
SELECT t.fails('42501', 'UPDATE intake_forms SET status = ''FAILED''');
SELECT t.fails('42501', 'UPDATE alerts SET status = ''CLOSED''');

-- test: the relay drops idempotency keys only when they have expired
-- as: nexacore_app
SELECT t.act(t.a());
UPDATE idempotency_keys SET expires_at = now() - interval '1 second';
SELECT set_config('role', 'nexacore_relay', true);
SELECT t.rows(1, 'DELETE FROM idempotency_keys WHERE expires_at < now()');
SELECT t.fails('42501', 'SELECT response_body FROM idempotency_keys');

-- test: auditors read the whole audit log and nothing else
-- as: nexacore_audit_reader
SELECT t.rows(2, 'SELECT * FROM audit_logs');
SELECT t.fails('42501', 'INSERT INTO audit_logs (clinic_id, action) VALUES (t.a(), ''X'')');
DO $$
DECLARE
    name record;
BEGIN
    FOR name IN SELECT c.oid, c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v')
                AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'audit_logs' LOOP
        PERFORM t.ok(NOT has_table_privilege(name.oid, 'SELECT')
                     AND NOT has_any_column_privilege(name.oid, 'SELECT, INSERT, UPDATE'),
                     'the auditor has nothing on ' || name.relname);
    END LOOP;
END
$$;
SELECT t.fails('42501', 'SET ROLE nexacore_app');
