-- Clinics, their settings, and the people who work there.
--
-- How isolation reads, here and in every later file: FORCE ROW LEVEL SECURITY; one clinic policy
-- without OR, whose context is a scalar sub-select so that it is evaluated once a statement; no
-- context gives no rows and no error. nexacore_corporate has SELECT policies of its own.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE clinics (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL,
    country    text NOT NULL,
    timezone   text NOT NULL DEFAULT 'America/Bogota',
    is_active  boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER clinics_touch BEFORE UPDATE ON clinics
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- A misspelt zone would break "today" of the dashboards: refused when it is written.
CREATE FUNCTION clinics_check_timezone() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM now() AT TIME ZONE NEW.timezone; -- 22023 for an unknown zone
    RETURN NEW;
END
$$;
CREATE TRIGGER clinics_timezone BEFORE INSERT OR UPDATE OF timezone ON clinics
    FOR EACH ROW EXECUTE FUNCTION clinics_check_timezone();

ALTER TABLE clinics ENABLE ROW LEVEL SECURITY;
ALTER TABLE clinics FORCE ROW LEVEL SECURITY;
CREATE POLICY clinics_isolation ON clinics TO nexacore_app, nexacore_owner
    USING (id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY clinics_corporate_read ON clinics FOR SELECT TO nexacore_corporate USING (true);
CREATE POLICY clinics_relay_read ON clinics FOR SELECT TO nexacore_relay USING (true);

GRANT SELECT, INSERT, UPDATE ON clinics TO nexacore_app;
GRANT SELECT ON clinics TO nexacore_corporate;
GRANT SELECT (id, is_active, timezone) ON clinics TO nexacore_relay;

-- What a clinic may choose. Scores and confidences are hundredths, so that nothing is rounded
-- across a threshold. A row is made with its clinic. NULL means the process's own default.
CREATE TABLE clinic_settings (
    clinic_id                 uuid PRIMARY KEY REFERENCES clinics (id),
    emergency_threshold       int NOT NULL DEFAULT 60 CHECK (emergency_threshold BETWEEN 50 AND 70),
    review_confidence         int NOT NULL DEFAULT 80 CHECK (review_confidence BETWEEN 0 AND 100),
    field_confidence          int NOT NULL DEFAULT 60 CHECK (field_confidence BETWEEN 0 AND 100),
    review_sample_thousandths int CHECK (review_sample_thousandths BETWEEN 0 AND 1000),
    -- {"CRITICAL":{"push":true,"sms":true,"smsAfterS":0,"escalateAfterS":60},...}; a level or a key
    -- that is absent has the default of SPEC 9.
    alert_policy              jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(alert_policy) = 'object'),
    language                  text NOT NULL DEFAULT 'es' CHECK (language IN ('en', 'es')),
    version                   int NOT NULL DEFAULT 1,
    updated_at                timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER clinic_settings_touch BEFORE UPDATE ON clinic_settings
    FOR EACH ROW EXECUTE FUNCTION touch_row();

ALTER TABLE clinic_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE clinic_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY clinic_settings_isolation ON clinic_settings TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY clinic_settings_corporate_read ON clinic_settings
    FOR SELECT TO nexacore_corporate USING (true);
GRANT SELECT, INSERT, UPDATE ON clinic_settings TO nexacore_app;
GRANT SELECT ON clinic_settings TO nexacore_corporate;

CREATE FUNCTION clinics_make_settings() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.clinic_settings (clinic_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER clinics_settings AFTER INSERT ON clinics
    FOR EACH ROW EXECUTE FUNCTION clinics_make_settings();

CREATE TABLE users (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       uuid NOT NULL REFERENCES clinics (id),
    auth_id         text NOT NULL UNIQUE,
    role            text NOT NULL
                    CHECK (role IN ('DOCTOR', 'ADMIN', 'ADMISSIONS', 'CORPORATE_ADMIN')),
    full_name       text NOT NULL,
    phone_e164      bytea,  -- sealed (OpenPGP), place: users/phone_e164/id
    phone_index     text,   -- keyed blind index, for replies to an SMS
    phi_key_version int NOT NULL DEFAULT 1, -- of phone_e164
    sms_opted_out   boolean NOT NULL DEFAULT false,
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         int NOT NULL DEFAULT 1,
    UNIQUE (clinic_id, id) -- what composite foreign keys point at
);
CREATE INDEX users_by_role ON users (clinic_id, role) WHERE is_active;
CREATE INDEX users_by_phone ON users (clinic_id, phone_index) WHERE phone_index IS NOT NULL;
CREATE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION touch_row();

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY users_clinic_isolation ON users TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY users_corporate_read ON users FOR SELECT TO nexacore_corporate USING (true);
CREATE POLICY users_relay_read ON users FOR SELECT TO nexacore_relay USING (true);
GRANT SELECT, INSERT, UPDATE ON users TO nexacore_app;
GRANT SELECT ON users TO nexacore_corporate;
-- A reply to an SMS names a telephone and no clinic.
GRANT SELECT (id, clinic_id, phone_index, is_active) ON users TO nexacore_relay;
