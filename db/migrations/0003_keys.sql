-- Data keys of the clinics, wrapped by the master key, which never reaches the database.
--
-- Shredding a clinic sets `wrapped` and `pepper` to NULL: what they sealed stays unreadable.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE clinic_keys (
    clinic_id  uuid NOT NULL REFERENCES clinics (id),
    version    int NOT NULL CHECK (version > 0),
    wrapped    bytea, -- AES-256-GCM box of the 256-bit data key
    pepper     bytea, -- box of the clinic's index key; the same key in every version
    state      text NOT NULL DEFAULT 'current'
               CHECK (state IN ('current', 'old', 'retired', 'shredded')),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    PRIMARY KEY (clinic_id, version),
    CHECK ((state = 'shredded') = (wrapped IS NULL))
);
CREATE UNIQUE INDEX clinic_keys_one_current ON clinic_keys (clinic_id) WHERE state = 'current';

ALTER TABLE clinic_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE clinic_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY clinic_keys_isolation ON clinic_keys TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
-- Corporate may read a patient of a chosen clinic, so its requests need the wrapped key too.
CREATE POLICY clinic_keys_corporate_read ON clinic_keys
    FOR SELECT TO nexacore_corporate USING (true);
GRANT SELECT, INSERT, UPDATE ON clinic_keys TO nexacore_app;
GRANT SELECT ON clinic_keys TO nexacore_corporate;
