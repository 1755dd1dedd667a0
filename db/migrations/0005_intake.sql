-- Intake forms: one row a form from upload to confirmation.
--
-- The rule: no picture, no text and no clear PHI in this table. The bytes are in the object store;
-- parsed_json holds PHI values only sealed and everything else only after the card scrub.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE intake_forms (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       uuid NOT NULL REFERENCES clinics (id),
    patient_id      uuid,
    raw_form_s3_key text,
    parsed_json     jsonb,
    pan_detected    boolean NOT NULL DEFAULT false,
    pan_redacted    boolean NOT NULL DEFAULT false,
    emergency_score numeric(3,2) CHECK (emergency_score BETWEEN 0 AND 1),
    is_emergency    boolean NOT NULL DEFAULT false,
    ocr_confidence  numeric(3,2) CHECK (ocr_confidence BETWEEN 0 AND 1),
    requires_review boolean NOT NULL DEFAULT false,
    processed_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- additions to the seed
    status          text NOT NULL DEFAULT 'QUEUED' CHECK (status IN
                    ('QUEUED', 'OCR', 'SCRUBBING', 'PROCESSED', 'REVIEW', 'CONFIRMED', 'FAILED')),
    progress        int NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    error           text CHECK (length(error) <= 200), -- a code such as "pdf-password", never text read
    room_number     text CHECK (length(room_number) <= 64),
    content_hash    text, -- keyed HMAC of the uploaded bytes
    duplicate_of    uuid,
    language        text CHECK (language IN ('en', 'es')),
    page_count      int CHECK (page_count BETWEEN 0 AND 1000),
    media_type      text,
    uploaded_by     uuid,
    urgency_level   text CHECK (urgency_level IN ('LOW', 'MODERATE', 'URGENT', 'CRITICAL')),
    urgency_rank    smallint NOT NULL GENERATED ALWAYS AS (
                        CASE urgency_level WHEN 'CRITICAL' THEN 4 WHEN 'URGENT' THEN 3
                                           WHEN 'MODERATE' THEN 2 WHEN 'LOW' THEN 1 ELSE 0 END) STORED,
    triage          jsonb, -- score, rule set with SHA-256, reasons by rule and box; no patient text
    phi_key_version int,   -- of the sealed values in parsed_json
    alert_id        uuid,  -- foreign key in 0006
    locked_by       uuid,  -- soft lock of the review queue
    locked_until    timestamptz,
    reviewed_by     uuid,
    reviewed_at     timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         int NOT NULL DEFAULT 1,
    UNIQUE (clinic_id, id),
    FOREIGN KEY (clinic_id, patient_id) REFERENCES patients (clinic_id, id),
    FOREIGN KEY (clinic_id, duplicate_of) REFERENCES intake_forms (clinic_id, id),
    FOREIGN KEY (clinic_id, uploaded_by) REFERENCES users (clinic_id, id),
    FOREIGN KEY (clinic_id, locked_by) REFERENCES users (clinic_id, id),
    FOREIGN KEY (clinic_id, reviewed_by) REFERENCES users (clinic_id, id)
);
CREATE INDEX intake_forms_by_time ON intake_forms (clinic_id, created_at DESC, id DESC);
CREATE INDEX intake_forms_by_patient ON intake_forms (clinic_id, patient_id)
    WHERE patient_id IS NOT NULL;
CREATE INDEX intake_forms_by_content ON intake_forms (clinic_id, content_hash, created_at);
CREATE INDEX intake_forms_processed ON intake_forms (clinic_id, processed_at)
    INCLUDE (is_emergency, reviewed_at) WHERE processed_at IS NOT NULL;
-- The review queue, most urgent first.
CREATE INDEX intake_forms_review ON intake_forms (clinic_id, urgency_rank DESC, created_at, id)
    WHERE status = 'REVIEW';
-- Open work, small at any time: what is put back into the queues after Redis was lost.
CREATE INDEX intake_forms_open ON intake_forms (clinic_id, created_at)
    WHERE status IN ('QUEUED', 'OCR', 'SCRUBBING');

-- A killed worker's form starts again, so the working states may go back; a finished form may only
-- be reviewed and confirmed.
CREATE FUNCTION intake_forms_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen record;
BEGIN
    IF NEW.status <> OLD.status
       AND (OLD.status, NEW.status) NOT IN (
           ('QUEUED', 'OCR'), ('QUEUED', 'FAILED'),
           ('OCR', 'SCRUBBING'), ('OCR', 'QUEUED'), ('OCR', 'FAILED'),
           ('SCRUBBING', 'PROCESSED'), ('SCRUBBING', 'REVIEW'), ('SCRUBBING', 'OCR'),
           ('SCRUBBING', 'QUEUED'), ('SCRUBBING', 'FAILED'),
           ('PROCESSED', 'REVIEW'), ('PROCESSED', 'CONFIRMED'), ('REVIEW', 'CONFIRMED'),
           ('FAILED', 'QUEUED'), ('FAILED', 'OCR')) THEN
        RAISE EXCEPTION 'a form does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NEW.status IN ('PROCESSED', 'REVIEW', 'CONFIRMED') THEN
        NEW.processed_at := coalesce(NEW.processed_at, now());
        NEW.progress := 100;
    END IF;
    IF NEW.status = 'CONFIRMED' THEN
        NEW.reviewed_at := coalesce(NEW.reviewed_at, now());
        NEW.locked_by := NULL;
        NEW.locked_until := NULL;
    END IF;
    -- Taking the soft lock is no change of the form: the reader's ETag stays good.
    seen := OLD;
    seen.locked_by := NEW.locked_by;
    seen.locked_until := NEW.locked_until;
    seen.urgency_rank := NEW.urgency_rank; -- generated after this trigger: NULL in NEW
    IF seen IS DISTINCT FROM NEW THEN
        NEW.updated_at := now();
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER intake_forms_move BEFORE UPDATE ON intake_forms
    FOR EACH ROW EXECUTE FUNCTION intake_forms_move();
CREATE TRIGGER intake_forms_no_corporate BEFORE INSERT OR UPDATE OR DELETE ON intake_forms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_corporate_write();

ALTER TABLE intake_forms ENABLE ROW LEVEL SECURITY;
ALTER TABLE intake_forms FORCE ROW LEVEL SECURITY;
CREATE POLICY intake_forms_clinic_isolation ON intake_forms TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY intake_forms_corporate_read ON intake_forms
    FOR SELECT TO nexacore_corporate USING (true);
CREATE POLICY intake_forms_relay_read ON intake_forms FOR SELECT TO nexacore_relay USING (true);
CREATE POLICY intake_forms_counts_read ON intake_forms FOR SELECT TO nexacore_counts USING (true);
GRANT SELECT, INSERT, UPDATE ON intake_forms TO nexacore_app;
GRANT SELECT ON intake_forms TO nexacore_corporate;
GRANT SELECT (id, clinic_id, status, created_at, updated_at) ON intake_forms TO nexacore_relay;
GRANT SELECT (id, clinic_id, created_at) ON intake_forms TO nexacore_counts;
