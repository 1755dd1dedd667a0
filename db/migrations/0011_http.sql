-- Answers to POSTs with an Idempotency-Key, kept 24 hours per clinic and user.
--
-- The rule: an answer may hold PHI, so response_body is sealed under the clinic's key.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE idempotency_keys (
    clinic_id        uuid NOT NULL REFERENCES clinics (id),
    user_id          uuid NOT NULL, -- may be a corporate user of another clinic: no foreign key
    key              text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    route            text NOT NULL, -- method and path: the same key elsewhere is another request
    body_hash        bytea NOT NULL CHECK (length(body_hash) = 32),
    status           text NOT NULL DEFAULT 'in_flight' CHECK (status IN ('in_flight', 'done')),
    locked_until     timestamptz NOT NULL DEFAULT now() + interval '60 seconds', -- in flight, crashed
    response_status  int CHECK (response_status BETWEEN 100 AND 599),
    response_headers jsonb, -- Location, ETag
    response_body    bytea, -- sealed
    phi_key_version  int,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    PRIMARY KEY (clinic_id, user_id, key),
    CHECK (status = 'in_flight' OR response_status IS NOT NULL)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (expires_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_keys_isolation ON idempotency_keys TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY idempotency_keys_relay_expiry ON idempotency_keys
    TO nexacore_relay USING (expires_at < now());
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO nexacore_app;
GRANT SELECT (clinic_id, user_id, key, expires_at), DELETE ON idempotency_keys TO nexacore_relay;
