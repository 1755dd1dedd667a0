-- Who is on duty, and the telephones an alert is pushed to.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE on_call_shifts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    tier       int NOT NULL CHECK (tier BETWEEN 1 AND 100), -- 1 is paged first
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (ends_at > starts_at),
    FOREIGN KEY (clinic_id) REFERENCES clinics (id),
    FOREIGN KEY (clinic_id, user_id) REFERENCES users (clinic_id, id)
);
CREATE INDEX on_call_shifts_by_time ON on_call_shifts (clinic_id, ends_at, starts_at, tier);
CREATE INDEX on_call_shifts_by_user ON on_call_shifts (clinic_id, user_id, ends_at);
CREATE TRIGGER on_call_shifts_no_corporate BEFORE INSERT OR UPDATE OR DELETE ON on_call_shifts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_corporate_write();

ALTER TABLE on_call_shifts ENABLE ROW LEVEL SECURITY;
ALTER TABLE on_call_shifts FORCE ROW LEVEL SECURITY;
CREATE POLICY on_call_shifts_isolation ON on_call_shifts TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY on_call_shifts_corporate_read ON on_call_shifts
    FOR SELECT TO nexacore_corporate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON on_call_shifts TO nexacore_app;
GRANT SELECT ON on_call_shifts TO nexacore_corporate;

-- A push token lets its holder page a phone, so it is a secret: sealed, and found by keyed hash.
CREATE TABLE devices (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       uuid NOT NULL,
    user_id         uuid NOT NULL,
    platform        text NOT NULL CHECK (platform IN ('android', 'ios', 'web')),
    token           bytea NOT NULL, -- sealed, place: devices/token/id
    token_hash      text NOT NULL,  -- keyed HMAC
    phi_key_version int NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (clinic_id, token_hash), -- a phone belongs to who signed in last
    FOREIGN KEY (clinic_id) REFERENCES clinics (id),
    FOREIGN KEY (clinic_id, user_id) REFERENCES users (clinic_id, id)
);
CREATE INDEX devices_by_user ON devices (clinic_id, user_id);

ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE devices FORCE ROW LEVEL SECURITY;
CREATE POLICY devices_isolation ON devices TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
-- A corporate user sees the own devices and nobody else's.
CREATE POLICY devices_corporate_own ON devices FOR SELECT TO nexacore_corporate
    USING (user_id = (SELECT nullif(current_setting('app.current_user_id', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON devices TO nexacore_app;
GRANT SELECT ON devices TO nexacore_corporate;
