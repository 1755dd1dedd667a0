-- The audit log is added to and read; every other way in fails loudly.

-- test: the application adds and reads its clinic's events
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.rows(1, 'INSERT INTO audit_logs (clinic_id, action) VALUES (t.a(), ''X'') RETURNING id');
SELECT t.rows(1, 'INSERT INTO audit_logs (clinic_id, action) VALUES (t.a(), ''Y'') ON CONFLICT DO NOTHING');
SELECT t.rows(3, 'SELECT FROM audit_logs');

-- test: the application changes nothing in it
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('42501', 'UPDATE audit_logs SET action = ''Z''');
SELECT t.fails('42501', 'UPDATE audit_logs SET action = ''Z'' WHERE false');
SELECT t.fails('42501', 'DELETE FROM audit_logs');
SELECT t.fails('42501', 'TRUNCATE audit_logs');
SELECT t.fails('42501', 'INSERT INTO audit_logs (id, clinic_id, action) VALUES (1, t.a(), ''X'') ON CONFLICT (id, logged_at) DO UPDATE SET action = ''Z''');
SELECT t.fails('42501', 'MERGE INTO audit_logs a USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE');
SELECT t.fails('42501', 'SELECT setval(''audit_logs_id_seq'', 1)');

-- test: owner and superuser are refused by the trigger, also where no row would be touched
-- as: postgres
SELECT t.fails('42501', 'UPDATE audit_logs SET action = ''Z''');
SELECT t.fails('42501', 'UPDATE audit_logs SET action = ''Z'' WHERE false');
SELECT t.fails('42501', 'DELETE FROM audit_logs WHERE false');
SELECT t.fails('42501', 'TRUNCATE audit_logs');
SET LOCAL ROLE nexacore_owner;
SELECT t.fails('42501', 'UPDATE audit_logs SET action = ''Z''');
SELECT t.fails('42501', 'DELETE FROM audit_logs');

-- test: a partition is no way around
-- as: postgres
DO $$
DECLARE
    part regclass;
BEGIN
    PERFORM t.ok(count(*) >= 4, 'partitions are there')
        FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass;
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass
    LOOP
        PERFORM t.fails('42501', format('UPDATE %s SET action = ''Z'' WHERE false', part));
        PERFORM t.fails('42501', format('DELETE FROM %s WHERE false', part));
        PERFORM t.fails('42501', format('TRUNCATE %s', part));
        PERFORM t.ok(NOT has_table_privilege(who, part, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'),
                     format('%s has nothing on %s', who, part))
        FROM unnest(ARRAY['nexacore_app', 'nexacore_corporate', 'nexacore_relay',
                          'nexacore_audit_reader']) who;
    END LOOP;
END
$$;

-- test: events of this month and the three ahead have a partition, and making them again makes none
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.ok(audit_partitions_ensure() = 0, 'nothing was missing');
SELECT t.rows(1, format('INSERT INTO audit_logs (clinic_id, action, logged_at) VALUES (t.a(), ''X'', %L)',
                        (date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC' + make_interval(months => m)) AT TIME ZONE 'UTC'))
  FROM generate_series(0, 3) m;
SELECT t.fails('23514', 'INSERT INTO audit_logs (clinic_id, action, logged_at) VALUES (t.a(), ''X'', now() + interval ''200 days'')');
SELECT t.fails('22023', 'SELECT audit_partitions_ensure(1000)');

-- test: months ahead are made when asked for
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.ok(audit_partitions_ensure(7) = 4, 'four were missing');
SELECT t.rows(1, 'INSERT INTO audit_logs (clinic_id, action, logged_at) VALUES (t.a(), ''X'', now() + interval ''200 days'')');

-- test: the relay appends for any clinic and cannot read what is there
-- as: nexacore_app
SELECT set_config('role', 'nexacore_relay', true);
SELECT t.rows(2, 'INSERT INTO audit_logs (clinic_id, action, occurred_at) VALUES (t.a(), ''X'', now()), (t.b(), ''X'', now())');
SELECT t.rows(1, 'INSERT INTO audit_flush_marks (journal, position) VALUES (''j'', 5)');
SELECT t.rows(1, 'UPDATE audit_flush_marks SET position = 9 WHERE journal = ''j'' AND position = 5');
SELECT t.fails('42501', 'SELECT id FROM audit_logs');
SELECT t.fails('42501', 'UPDATE audit_logs SET action = ''Z''');

-- test: timeline and checkpoints are append-only too
-- as: postgres
SELECT t.fails('42501', 'UPDATE alert_events SET event = ''Z''');
SELECT t.fails('42501', 'DELETE FROM alert_events');
SELECT t.fails('42501', 'DELETE FROM audit_checkpoints');

-- test: checkpoints form one chain without a fork
-- as: nexacore_app
SELECT t.rows(1, 'INSERT INTO audit_checkpoints (from_id, to_id, row_count, rows_hash, prev_hash, hash, signature, key_id) VALUES (1, 2, 2, sha256(''r''), sha256(''0''), sha256(''1''), ''s'', ''k'')');
SELECT t.fails('23505', 'INSERT INTO audit_checkpoints (from_id, to_id, row_count, rows_hash, prev_hash, hash, signature, key_id) VALUES (1, 2, 2, sha256(''r''), sha256(''0''), sha256(''2''), ''s'', ''k'')');
