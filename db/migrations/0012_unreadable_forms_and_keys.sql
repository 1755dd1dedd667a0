-- Forms that could not be read are reviewed by a person too, and an Idempotency-Key that is used
-- again for something else makes something else.
--
-- A FAILED form is typed in by a clerk and confirmed like any other; the review queue shows it.
SET LOCAL ROLE nexacore_owner;

CREATE OR REPLACE FUNCTION intake_forms_move() RETURNS trigger
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
           ('FAILED', 'QUEUED'), ('FAILED', 'OCR'), ('FAILED', 'CONFIRMED')) THEN
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

DROP INDEX intake_forms_review;
CREATE INDEX intake_forms_review ON intake_forms (clinic_id, urgency_rank DESC, created_at, id)
    WHERE status IN ('REVIEW', 'FAILED');

-- What the ids of a keyed request are derived from: random, and drawn anew when the key is used for
-- another request. `key` holds the SHA-256 (hex) of what the client sent, which may be anything.
DELETE FROM idempotency_keys;
ALTER TABLE idempotency_keys ADD COLUMN seed uuid NOT NULL DEFAULT gen_random_uuid();
