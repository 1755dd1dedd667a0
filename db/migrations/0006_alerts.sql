-- Alerts, their deliveries, their timeline, and the counts corporate may see.
--
-- The rule: an alert is never lost by a status. An open alert closes after somebody acknowledged
-- it, or because its patient was discharged; nothing else takes it off the board.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE alerts (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id         uuid NOT NULL REFERENCES clinics (id),
    patient_id        uuid NOT NULL,
    assigned_to       uuid,
    urgency_level     text NOT NULL
                      CHECK (urgency_level IN ('LOW', 'MODERATE', 'URGENT', 'CRITICAL')),
    room_number       text CHECK (length(room_number) <= 64),
    reason            text CHECK (length(reason) <= 2000), -- rule labels or a scrubbed note, no PHI
    status            text NOT NULL DEFAULT 'PENDING' CHECK (status IN
                      ('PENDING', 'DELIVERED', 'ACKNOWLEDGED', 'ESCALATED', 'CLOSED')),
    push_sent_at      timestamptz,
    sms_sent_at       timestamptz,
    acknowledged_at   timestamptz,
    escalated_at      timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    -- additions to the seed
    urgency_rank      smallint NOT NULL GENERATED ALWAYS AS (
                          CASE urgency_level WHEN 'CRITICAL' THEN 4 WHEN 'URGENT' THEN 3
                                             WHEN 'MODERATE' THEN 2 ELSE 1 END) STORED,
    intake_form_id    uuid,
    created_by        uuid, -- NULL: the pipeline
    acknowledged_by   uuid,
    closed_at         timestamptz,
    closed_by         uuid,
    escalation_tier   int NOT NULL DEFAULT 1 CHECK (escalation_tier BETWEEN 1 AND 100),
    escalation_due_at timestamptz, -- timers are rows; cleared when acknowledged or closed
    sms_due_at        timestamptz,
    escalated_by      uuid, -- NULL: the timer
    escalation_reason text CHECK (length(escalation_reason) <= 2000),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    version           int NOT NULL DEFAULT 1,
    UNIQUE (clinic_id, id),
    FOREIGN KEY (clinic_id, patient_id) REFERENCES patients (clinic_id, id),
    FOREIGN KEY (clinic_id, assigned_to) REFERENCES users (clinic_id, id),
    FOREIGN KEY (clinic_id, intake_form_id) REFERENCES intake_forms (clinic_id, id),
    FOREIGN KEY (clinic_id, created_by) REFERENCES users (clinic_id, id),
    FOREIGN KEY (clinic_id, acknowledged_by) REFERENCES users (clinic_id, id),
    FOREIGN KEY (clinic_id, closed_by) REFERENCES users (clinic_id, id),
    FOREIGN KEY (clinic_id, escalated_by) REFERENCES users (clinic_id, id),
    CHECK (acknowledged_by IS NULL OR acknowledged_at IS NOT NULL),
    CHECK ((status = 'CLOSED') = (closed_at IS NOT NULL))
);
-- One open alert a form.
CREATE UNIQUE INDEX alerts_one_open_per_form ON alerts (clinic_id, intake_form_id)
    WHERE intake_form_id IS NOT NULL AND status <> 'CLOSED';
CREATE INDEX alerts_open ON alerts (clinic_id, urgency_rank DESC, created_at, id)
    WHERE status <> 'CLOSED';
CREATE INDEX alerts_by_time ON alerts (clinic_id, created_at DESC, id DESC);
CREATE INDEX alerts_by_patient ON alerts (clinic_id, patient_id);
-- Due timers over all clinics: partial, so they hold only alerts that still wait.
CREATE INDEX alerts_escalation_due ON alerts (escalation_due_at)
    WHERE escalation_due_at IS NOT NULL;
CREATE INDEX alerts_sms_due ON alerts (sms_due_at) WHERE sms_due_at IS NOT NULL;

ALTER TABLE intake_forms ADD FOREIGN KEY (clinic_id, alert_id) REFERENCES alerts (clinic_id, id);

CREATE FUNCTION alerts_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status <> OLD.status
       AND (OLD.status, NEW.status) NOT IN (
           ('PENDING', 'DELIVERED'), ('PENDING', 'ACKNOWLEDGED'), ('PENDING', 'ESCALATED'),
           ('DELIVERED', 'ACKNOWLEDGED'), ('DELIVERED', 'ESCALATED'),
           ('ESCALATED', 'ACKNOWLEDGED'), ('ACKNOWLEDGED', 'CLOSED'))
       AND NOT (NEW.status = 'CLOSED' AND EXISTS (
                SELECT FROM public.patients p
                WHERE p.clinic_id = NEW.clinic_id AND p.id = NEW.patient_id
                  AND p.status = 'DISCHARGED')) THEN
        RAISE EXCEPTION 'an alert does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NEW.status = 'ACKNOWLEDGED' THEN
        NEW.acknowledged_at := coalesce(NEW.acknowledged_at, now());
    ELSIF NEW.status = 'ESCALATED' THEN
        NEW.escalated_at := coalesce(NEW.escalated_at, now());
    ELSIF NEW.status = 'CLOSED' THEN
        NEW.closed_at := coalesce(NEW.closed_at, now());
    END IF;
    IF NEW.status IN ('ACKNOWLEDGED', 'CLOSED') THEN
        NEW.escalation_due_at := NULL;
        NEW.sms_due_at := NULL;
    END IF;
    RETURN NEW;
END
$$;
-- Who was first to acknowledge is a fact: it does not change afterwards.
CREATE FUNCTION alerts_keep_acknowledgement() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the alert is already acknowledged'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
CREATE TRIGGER alerts_keep_acknowledgement
    BEFORE UPDATE OF acknowledged_by, acknowledged_at ON alerts FOR EACH ROW
    WHEN (OLD.acknowledged_by IS NOT NULL AND
          (NEW.acknowledged_by IS DISTINCT FROM OLD.acknowledged_by
           OR NEW.acknowledged_at IS DISTINCT FROM OLD.acknowledged_at))
    EXECUTE FUNCTION alerts_keep_acknowledgement();
CREATE TRIGGER alerts_move BEFORE INSERT OR UPDATE ON alerts
    FOR EACH ROW EXECUTE FUNCTION alerts_move();
CREATE TRIGGER alerts_touch BEFORE UPDATE ON alerts
    FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER alerts_no_corporate BEFORE INSERT OR UPDATE OR DELETE ON alerts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_corporate_write();

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY alerts_clinic_isolation ON alerts TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY alerts_relay_read ON alerts FOR SELECT TO nexacore_relay USING (true);
CREATE POLICY alerts_counts_read ON alerts FOR SELECT TO nexacore_counts USING (true);
GRANT SELECT, INSERT, UPDATE ON alerts TO nexacore_app;
-- The privilege without a policy: no rows, and a query that joins alerts works for corporate too.
GRANT SELECT ON alerts TO nexacore_corporate;
GRANT SELECT (id, clinic_id, status, urgency_level, escalation_tier, escalation_due_at, sms_due_at,
              created_at, version) ON alerts TO nexacore_relay;
GRANT SELECT (id, clinic_id, status, urgency_level, created_at, acknowledged_at, intake_form_id)
    ON alerts TO nexacore_counts;

-- Every attempt to reach somebody. A worker claims the row before it calls the provider; the unique
-- constraint lets one worker send one attempt. device_id has no foreign key: the device may be
-- removed (UNREGISTERED) while what was sent to it stays recorded.
CREATE TABLE alert_deliveries (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id   uuid NOT NULL,
    alert_id    uuid NOT NULL,
    user_id     uuid NOT NULL,
    channel     text NOT NULL CHECK (channel IN ('push', 'sms')),
    device_id   uuid,
    tier        int NOT NULL DEFAULT 1,
    attempt     int NOT NULL DEFAULT 1 CHECK (attempt > 0),
    status      text NOT NULL DEFAULT 'claimed'
                CHECK (status IN ('claimed', 'accepted', 'delivered', 'failed', 'undelivered')),
    provider_id text,
    error       text CHECK (length(error) <= 200), -- a code, never a body
    at          timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (clinic_id, alert_id, user_id, channel, device_id, tier, attempt),
    FOREIGN KEY (clinic_id, alert_id) REFERENCES alerts (clinic_id, id),
    FOREIGN KEY (clinic_id, user_id) REFERENCES users (clinic_id, id)
);
CREATE INDEX alert_deliveries_by_provider ON alert_deliveries (clinic_id, provider_id)
    WHERE provider_id IS NOT NULL;
CREATE INDEX alert_deliveries_claimed ON alert_deliveries (clinic_id, updated_at)
    WHERE status = 'claimed';
CREATE TRIGGER alert_deliveries_touch BEFORE UPDATE ON alert_deliveries
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

ALTER TABLE alert_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY alert_deliveries_isolation ON alert_deliveries TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY alert_deliveries_relay_read ON alert_deliveries
    FOR SELECT TO nexacore_relay USING (true);
GRANT SELECT, INSERT, UPDATE ON alert_deliveries TO nexacore_app;
-- A provider's callback names its own id and no clinic.
GRANT SELECT (id, clinic_id, alert_id, provider_id, status, at, updated_at)
    ON alert_deliveries TO nexacore_relay;

-- The timeline: what happened to an alert and when. Append-only.
CREATE TABLE alert_events (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id uuid NOT NULL,
    alert_id  uuid NOT NULL,
    event     text NOT NULL, -- CREATED, PUSH_SENT, SMS_SENT, DELIVERED, ESCALATED, ...
    user_id   uuid,          -- who acted or was paged
    tier      int,
    channel   text,
    detail    text CHECK (length(detail) <= 500), -- scrubbed, no PHI
    at        timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (clinic_id, alert_id) REFERENCES alerts (clinic_id, id),
    FOREIGN KEY (clinic_id, user_id) REFERENCES users (clinic_id, id)
);
CREATE INDEX alert_events_by_alert ON alert_events (clinic_id, alert_id, id);
CREATE TRIGGER alert_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alert_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE alert_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_events FORCE ROW LEVEL SECURITY;
CREATE POLICY alert_events_isolation ON alert_events TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
GRANT SELECT, INSERT ON alert_events TO nexacore_app;

-- Corporate has no policy on alerts; these functions give it numbers and no rows. They belong to
-- nexacore_counts, which sees statuses and times of every clinic and nothing else, so neither the
-- owner nor the caller passes row security. Names are qualified and the search path is pinned.
CREATE FUNCTION corporate_alert_counts(p_clinic_id uuid DEFAULT NULL)
RETURNS TABLE (clinic_id uuid, low bigint, moderate bigint, urgent bigint, critical bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.clinic_id,
           count(*) FILTER (WHERE a.urgency_level = 'LOW'),
           count(*) FILTER (WHERE a.urgency_level = 'MODERATE'),
           count(*) FILTER (WHERE a.urgency_level = 'URGENT'),
           count(*) FILTER (WHERE a.urgency_level = 'CRITICAL')
    FROM public.alerts a
    WHERE a.status <> 'CLOSED' AND a.clinic_id = coalesce(p_clinic_id, a.clinic_id)
    GROUP BY a.clinic_id
$$;

-- Milliseconds from upload to alert and from alert to acknowledgement of the alerts made since
-- p_since; NULL where there were none.
CREATE FUNCTION corporate_alert_latency(p_clinic_id uuid, p_since timestamptz)
RETURNS TABLE (alerts bigint, acknowledged bigint,
               upload_to_alert_p50_ms float8, upload_to_alert_p95_ms float8,
               alert_to_ack_p50_ms float8, alert_to_ack_p95_ms float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH times AS (
        SELECT 1000 * extract(epoch FROM a.created_at - f.created_at)::float8 AS upload_ms,
               1000 * extract(epoch FROM a.acknowledged_at - a.created_at)::float8 AS ack_ms
        FROM public.alerts a
        LEFT JOIN public.intake_forms f
               ON f.clinic_id = a.clinic_id AND f.id = a.intake_form_id
        WHERE a.clinic_id = p_clinic_id AND a.created_at >= p_since)
    SELECT count(*), count(ack_ms),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY upload_ms),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY upload_ms),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY ack_ms),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY ack_ms)
    FROM times
$$;

GRANT USAGE, CREATE ON SCHEMA public TO nexacore_counts; -- CREATE only while it takes ownership
ALTER FUNCTION corporate_alert_counts(uuid) OWNER TO nexacore_counts;
ALTER FUNCTION corporate_alert_latency(uuid, timestamptz) OWNER TO nexacore_counts;
REVOKE CREATE ON SCHEMA public FROM nexacore_counts;
SET LOCAL ROLE nexacore_counts;
REVOKE ALL ON FUNCTION corporate_alert_counts(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION corporate_alert_latency(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION corporate_alert_counts(uuid) TO nexacore_corporate;
GRANT EXECUTE ON FUNCTION corporate_alert_latency(uuid, timestamptz) TO nexacore_corporate;
SET LOCAL ROLE nexacore_owner;
