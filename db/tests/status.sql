-- The status machines: every cell of every matrix, and what a move stamps.

-- test: a patient moves only along the arrows
-- as: nexacore_app
SELECT t.act(t.a());
DO $$
DECLARE
    names   text[] := ARRAY['WAITING', 'BEING_ATTENDED', 'DISCHARGED'];
    allowed text[] := ARRAY['WAITING>BEING_ATTENDED', 'BEING_ATTENDED>DISCHARGED', 'BEING_ATTENDED>WAITING'];
    source text; target text; subject uuid; move text;
BEGIN
    FOREACH source IN ARRAY names LOOP
        FOREACH target IN ARRAY names LOOP
            INSERT INTO patients (clinic_id, full_name, phi_key_version, status)
                VALUES (t.a(), 'x', 1, source) RETURNING id INTO subject;
            move := format('UPDATE patients SET status = %L WHERE id = %L', target, subject);
            IF source = target OR source || '>' || target = ANY (allowed) THEN
                PERFORM t.rows(1, move);
            ELSE
                PERFORM t.fails('55000', move);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- test: attending and discharging stamp their times, and undo takes the stamp back
-- as: nexacore_app
SELECT t.act(t.a());
UPDATE patients SET status = 'BEING_ATTENDED';
SELECT t.rows(1, 'SELECT FROM patients WHERE attended_at = now() AND discharged_at IS NULL AND version = 2');
UPDATE patients SET status = 'WAITING';
SELECT t.rows(1, 'SELECT FROM patients WHERE attended_at IS NULL AND version = 3');
UPDATE patients SET status = 'BEING_ATTENDED';
UPDATE patients SET status = 'DISCHARGED';
SELECT t.rows(1, 'SELECT FROM patients WHERE attended_at = now() AND discharged_at = now() AND version = 5');

-- test: an alert moves only along the arrows while its patient is here
-- as: nexacore_app
SELECT t.act(t.a());
DO $$
DECLARE
    names   text[] := ARRAY['PENDING', 'DELIVERED', 'ACKNOWLEDGED', 'ESCALATED', 'CLOSED'];
    allowed text[] := ARRAY['PENDING>DELIVERED', 'PENDING>ACKNOWLEDGED', 'PENDING>ESCALATED',
                            'DELIVERED>ACKNOWLEDGED', 'DELIVERED>ESCALATED',
                            'ESCALATED>ACKNOWLEDGED', 'ACKNOWLEDGED>CLOSED'];
    source text; target text; subject uuid; move text;
BEGIN
    FOREACH source IN ARRAY names LOOP
        FOREACH target IN ARRAY names LOOP
            INSERT INTO alerts (clinic_id, patient_id, urgency_level, status)
                VALUES (t.a(), t.id('patient', 'a'), 'URGENT', source) RETURNING id INTO subject;
            move := format('UPDATE alerts SET status = %L WHERE id = %L', target, subject);
            IF source = target OR source || '>' || target = ANY (allowed) THEN
                PERFORM t.rows(1, move);
            ELSE
                PERFORM t.fails('55000', move);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- test: discharge lets every open alert of that patient close, and no other
-- as: nexacore_app
SELECT t.act(t.a());
INSERT INTO patients (id, clinic_id, full_name, phi_key_version)
    VALUES ('00000000-0000-7000-8999-00000000000a', t.a(), 'x', 1);
INSERT INTO alerts (clinic_id, patient_id, urgency_level, status)
    SELECT t.a(), '00000000-0000-7000-8999-00000000000a', 'LOW', unnest(ARRAY['PENDING', 'DELIVERED', 'ESCALATED']);
SELECT t.fails('55000', 'UPDATE alerts SET status = ''CLOSED'' WHERE patient_id = ''00000000-0000-7000-8999-00000000000a''');
UPDATE patients SET status = 'BEING_ATTENDED' WHERE id = '00000000-0000-7000-8999-00000000000a';
UPDATE patients SET status = 'DISCHARGED' WHERE id = '00000000-0000-7000-8999-00000000000a';
SELECT t.rows(3, 'UPDATE alerts SET status = ''CLOSED'' WHERE patient_id = ''00000000-0000-7000-8999-00000000000a''');
SELECT t.rows(3, 'SELECT FROM alerts WHERE status = ''CLOSED'' AND closed_at = now()');
SELECT t.fails('55000', 'UPDATE alerts SET status = ''CLOSED'' WHERE id = t.id(''alert'', ''a'')');

-- test: acknowledging stamps the time and clears the timers
-- as: nexacore_app
SELECT t.act(t.a());
UPDATE alerts SET status = 'ACKNOWLEDGED', acknowledged_by = t.id('user', 'a');
SELECT t.rows(1, 'SELECT FROM alerts WHERE acknowledged_at = now() AND escalation_due_at IS NULL AND sms_due_at IS NULL AND version = 2');

-- test: who acknowledged first stays who acknowledged
-- as: nexacore_app
SELECT t.act(t.a());
INSERT INTO users (id, clinic_id, auth_id, role, full_name)
    VALUES ('00000000-0000-7000-8999-00000000000c', t.a(), 'auth|c', 'DOCTOR', 'c');
UPDATE alerts SET status = 'ACKNOWLEDGED', acknowledged_by = t.id('user', 'a');
SELECT t.fails('55000', 'UPDATE alerts SET acknowledged_by = ''00000000-0000-7000-8999-00000000000c''');
SELECT t.rows(1, 'UPDATE alerts SET acknowledged_by = t.id(''user'', ''a'')');

-- test: a form has one open alert, and may have another after that is closed
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('23505', 'INSERT INTO alerts (clinic_id, patient_id, urgency_level, intake_form_id) VALUES (t.a(), t.id(''patient'', ''a''), ''LOW'', t.id(''form'', ''a''))');
SELECT t.rows(0, 'INSERT INTO alerts (clinic_id, patient_id, urgency_level, intake_form_id) VALUES (t.a(), t.id(''patient'', ''a''), ''LOW'', t.id(''form'', ''a''))
    ON CONFLICT (clinic_id, intake_form_id) WHERE intake_form_id IS NOT NULL AND status <> ''CLOSED'' DO NOTHING');
UPDATE alerts SET status = 'ACKNOWLEDGED', acknowledged_by = t.id('user', 'a');
UPDATE alerts SET status = 'CLOSED';
SELECT t.rows(1, 'INSERT INTO alerts (clinic_id, patient_id, urgency_level, intake_form_id) VALUES (t.a(), t.id(''patient'', ''a''), ''LOW'', t.id(''form'', ''a''))');

-- test: one worker claims one attempt of one channel, with or without a device
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.rows(0, 'INSERT INTO alert_deliveries (clinic_id, alert_id, user_id, channel) VALUES (t.a(), t.id(''alert'', ''a''), t.id(''user'', ''a''), ''sms'') ON CONFLICT DO NOTHING');
SELECT t.rows(1, 'INSERT INTO alert_deliveries (clinic_id, alert_id, user_id, channel, attempt) VALUES (t.a(), t.id(''alert'', ''a''), t.id(''user'', ''a''), ''sms'', 2) ON CONFLICT DO NOTHING');
SELECT t.rows(1, 'INSERT INTO alert_deliveries (clinic_id, alert_id, user_id, channel, device_id) VALUES (t.a(), t.id(''alert'', ''a''), t.id(''user'', ''a''), ''push'', t.id(''device'', ''a'')) ON CONFLICT DO NOTHING');
SELECT t.rows(1, 'DELETE FROM devices');

-- test: a form moves only along the arrows
-- as: nexacore_app
SELECT t.act(t.a());
DO $$
DECLARE
    names   text[] := ARRAY['QUEUED', 'OCR', 'SCRUBBING', 'PROCESSED', 'REVIEW', 'CONFIRMED', 'FAILED'];
    allowed text[] := ARRAY['QUEUED>OCR', 'QUEUED>FAILED', 'OCR>SCRUBBING', 'OCR>QUEUED', 'OCR>FAILED',
        'SCRUBBING>PROCESSED', 'SCRUBBING>REVIEW', 'SCRUBBING>OCR', 'SCRUBBING>QUEUED', 'SCRUBBING>FAILED',
        'PROCESSED>REVIEW', 'PROCESSED>CONFIRMED', 'REVIEW>CONFIRMED', 'FAILED>QUEUED', 'FAILED>OCR',
        'FAILED>CONFIRMED'];
    source text; target text; subject uuid; move text;
BEGIN
    FOREACH source IN ARRAY names LOOP
        FOREACH target IN ARRAY names LOOP
            INSERT INTO intake_forms (clinic_id, status) VALUES (t.a(), source) RETURNING id INTO subject;
            move := format('UPDATE intake_forms SET status = %L WHERE id = %L', target, subject);
            IF source = target OR source || '>' || target = ANY (allowed) THEN
                PERFORM t.rows(1, move);
            ELSE
                PERFORM t.fails('55000', move);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- test: the soft lock of a form does not change its version, a correction does
-- as: nexacore_app
SELECT t.act(t.a());
UPDATE intake_forms SET locked_by = t.id('user', 'a'), locked_until = now() + interval '5 minutes';
SELECT t.rows(1, 'SELECT FROM intake_forms WHERE version = 1 AND locked_by IS NOT NULL');
UPDATE intake_forms SET parsed_json = '{}';
SELECT t.rows(1, 'SELECT FROM intake_forms WHERE version = 2');

-- test: scores and thresholds stay in their range
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('23514', 'UPDATE intake_forms SET emergency_score = 1.01');
SELECT t.fails('23514', 'UPDATE intake_forms SET ocr_confidence = -0.1');
SELECT t.fails('23514', 'UPDATE clinic_settings SET emergency_threshold = 49');
SELECT t.fails('23514', 'UPDATE clinic_settings SET emergency_threshold = 71');
SELECT t.fails('22023', 'UPDATE clinics SET timezone = ''America/Bogotá''');
SELECT t.fails('23514', 'UPDATE patients SET urgency_level = ''HIGH''');

-- test: the same Square order may exist in two clinics but once in each
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('23505', 'INSERT INTO billing_display_cache (clinic_id, square_order_id) VALUES (t.a(), ''order-1'')');

-- test: a clinic has one current key, and a key without its bytes is a shredded one
-- as: nexacore_app
SELECT t.act(t.a());
SELECT t.fails('23505', 'INSERT INTO clinic_keys (clinic_id, version, wrapped, pepper) VALUES (t.a(), 2, ''w'', ''p'')');
SELECT t.fails('23514', 'UPDATE clinic_keys SET wrapped = NULL');
SELECT t.rows(1, 'UPDATE clinic_keys SET wrapped = NULL, pepper = NULL, state = ''shredded''');

-- test: a new clinic has its settings
-- as: nexacore_app
SELECT t.act('00000000-0000-7000-8000-00000000000c');
INSERT INTO clinics (id, name, country) VALUES ('00000000-0000-7000-8000-00000000000c', 'C', 'US');
SELECT t.rows(1, 'SELECT FROM clinic_settings WHERE emergency_threshold = 60 AND review_confidence = 80');

-- test: outbox rows are numbered at commit, without a gap, per clinic
-- as: nexacore_app
SELECT t.act(t.a());
INSERT INTO outbox (clinic_id, kind, name) VALUES (t.a(), 'event', 'one'), (t.a(), 'event', 'two');
SELECT t.rows(2, 'SELECT FROM outbox WHERE clinic_seq IS NULL');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT t.rows(1, 'SELECT FROM outbox WHERE name = ''one'' AND clinic_seq = 2');
SELECT t.rows(1, 'SELECT FROM outbox WHERE name = ''two'' AND clinic_seq = 3');
SELECT t.fails('23514', 'INSERT INTO outbox (clinic_id, kind, name) VALUES (t.a(), ''job'', ''ocr-processing'')');

-- test: an event names what each audience of the clinic had before, whatever came between
-- as: nexacore_app
SELECT t.act(t.a());
INSERT INTO outbox (clinic_id, kind, name, key, rooms) VALUES
    (t.a(), 'event', 'e2', NULL, ARRAY['admins', 'doctors']),
    (t.a(), 'job', 'ocr-processing', 'k', '{}'),
    (t.a(), 'event', 'e4', NULL, ARRAY['doctors']),
    (t.a(), 'event', 'e5', NULL, '{}'),
    (t.a(), 'event', 'e6', NULL, ARRAY['admins', 'clerks', 'admins', 'u:one', NULL]);
INSERT INTO outbox (clinic_id, kind, name, key) SELECT t.a(), 'job', 'audit-flush', i FROM generate_series(7, 60) i;
INSERT INTO outbox (clinic_id, kind, name, rooms) VALUES (t.a(), 'event', 'e61', ARRAY['doctors']);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT t.rows(1, format('SELECT FROM outbox WHERE name = %L AND prev IS NOT DISTINCT FROM %L::jsonb', name, prev))
    FROM (VALUES ('e2', '{}'), ('ocr-processing', NULL), ('e4', '{"admins": 2, "doctors": 2}'),
                 ('e5', '{"admins": 2, "doctors": 4}'), ('e6', '{"admins": 2, "doctors": 4}'),
                 ('e61', '{"admins": 6, "clerks": 6, "doctors": 4}')) AS wanted (name, prev);
SELECT t.rows(1, $$SELECT FROM outbox_counters WHERE heard = '{"admins": 6, "clerks": 6, "doctors": 61, "u:one": 6}'$$);
