-- Patients: PHI only sealed, found by keyed blind indexes, with a status machine.
--
-- The rule: full_name, date_of_birth and insurance_id are OpenPGP messages made by the server, and
-- the *_index columns are HMACs; nothing here is readable without the clinic's key.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE patients (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       uuid NOT NULL REFERENCES clinics (id),
    full_name       bytea NOT NULL,
    date_of_birth   bytea,
    ssn_hash        text CHECK (ssn_hash ~ '^[0-9a-f]{64}$'), -- HMAC-SHA-256, per-clinic pepper
    insurance_id    bytea,
    status          text NOT NULL DEFAULT 'WAITING'
                    CHECK (status IN ('WAITING', 'BEING_ATTENDED', 'DISCHARGED')),
    arrived_at      timestamptz NOT NULL DEFAULT now(),
    discharged_at   timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- additions to the seed
    attended_at     timestamptz,
    phi_key_version int NOT NULL DEFAULT 1,
    name_index      text, -- of the whole normalised name
    insurance_index text,
    dob_index       text,
    urgency_level   text CHECK (urgency_level IN ('LOW', 'MODERATE', 'URGENT', 'CRITICAL')),
    urgency_rank    smallint NOT NULL GENERATED ALWAYS AS (
                        CASE urgency_level WHEN 'CRITICAL' THEN 4 WHEN 'URGENT' THEN 3
                                           WHEN 'MODERATE' THEN 2 WHEN 'LOW' THEN 1 ELSE 0 END) STORED,
    provisional     boolean NOT NULL DEFAULT false, -- made by the pipeline before a review
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         int NOT NULL DEFAULT 1,
    UNIQUE (clinic_id, id),
    CHECK ((status = 'DISCHARGED') = (discharged_at IS NOT NULL))
);
-- The board: who waits, most urgent first, then by arrival.
CREATE INDEX patients_waiting ON patients (clinic_id, urgency_rank DESC, arrived_at, id)
    WHERE status = 'WAITING';
-- Lists and counts by status; arrivals and discharges of a day.
CREATE INDEX patients_by_status ON patients (clinic_id, status, arrived_at DESC, id DESC);
CREATE INDEX patients_by_arrival ON patients (clinic_id, arrived_at DESC, id DESC)
    INCLUDE (attended_at, discharged_at);
CREATE INDEX patients_by_discharge ON patients (clinic_id, discharged_at)
    WHERE discharged_at IS NOT NULL;
CREATE INDEX patients_by_name ON patients (clinic_id, name_index);
CREATE INDEX patients_by_insurance ON patients (clinic_id, insurance_index)
    WHERE insurance_index IS NOT NULL;
CREATE INDEX patients_by_dob ON patients (clinic_id, dob_index) WHERE dob_index IS NOT NULL;
CREATE INDEX patients_by_ssn ON patients (clinic_id, ssn_hash) WHERE ssn_hash IS NOT NULL;

-- Each word of a name as a blind index, so that a family name alone finds its patient. A table and
-- not an array with GIN: array operators are not leakproof, so under row security PostgreSQL would
-- not use such an index.
CREATE TABLE patient_name_tokens (
    clinic_id  uuid NOT NULL,
    token      text NOT NULL,
    patient_id uuid NOT NULL,
    PRIMARY KEY (clinic_id, token, patient_id),
    FOREIGN KEY (clinic_id, patient_id) REFERENCES patients (clinic_id, id) ON DELETE CASCADE
);
CREATE INDEX patient_name_tokens_by_patient ON patient_name_tokens (clinic_id, patient_id);

-- WAITING -> BEING_ATTENDED -> DISCHARGED, BEING_ATTENDED -> WAITING as undo; nothing else.
-- 55000 (object_not_in_prerequisite_state) is what the server answers as 409.
CREATE FUNCTION patients_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status <> OLD.status
       AND (OLD.status, NEW.status) NOT IN (('WAITING', 'BEING_ATTENDED'),
                                            ('BEING_ATTENDED', 'DISCHARGED'),
                                            ('BEING_ATTENDED', 'WAITING')) THEN
        RAISE EXCEPTION 'a patient does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NEW.status = 'WAITING' THEN
        NEW.attended_at := NULL;
    ELSE
        NEW.attended_at := coalesce(NEW.attended_at, now());
    END IF;
    IF NEW.status = 'DISCHARGED' THEN
        NEW.discharged_at := coalesce(NEW.discharged_at, now());
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER patients_move BEFORE INSERT OR UPDATE ON patients
    FOR EACH ROW EXECUTE FUNCTION patients_move();
CREATE TRIGGER patients_touch BEFORE UPDATE ON patients
    FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER patients_no_corporate BEFORE INSERT OR UPDATE OR DELETE ON patients
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_corporate_write();
CREATE TRIGGER patient_name_tokens_no_corporate
    BEFORE INSERT OR UPDATE OR DELETE ON patient_name_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_corporate_write();

ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
ALTER TABLE patients FORCE ROW LEVEL SECURITY;
CREATE POLICY patients_clinic_isolation ON patients TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY patients_corporate_read ON patients FOR SELECT TO nexacore_corporate USING (true);
GRANT SELECT, INSERT, UPDATE ON patients TO nexacore_app;
GRANT SELECT ON patients TO nexacore_corporate;

ALTER TABLE patient_name_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE patient_name_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY patient_name_tokens_isolation ON patient_name_tokens TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY patient_name_tokens_corporate_read ON patient_name_tokens
    FOR SELECT TO nexacore_corporate USING (true);
GRANT SELECT, INSERT, DELETE ON patient_name_tokens TO nexacore_app;
GRANT SELECT ON patient_name_tokens TO nexacore_corporate;
