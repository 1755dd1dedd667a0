-- The read-only cache of Square, its connections, and webhook deliveries already seen.
--
-- The rule: never the source of truth; rows may be deleted and are read again from Square.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE billing_display_cache (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id         uuid NOT NULL REFERENCES clinics (id),
    patient_id        uuid,
    square_order_id   text,
    status            text CHECK (status IN ('PENDING', 'PAID', 'REJECTED')),
    amount_cents      int,
    currency          char(3) NOT NULL DEFAULT 'USD',
    last_synced_at    timestamptz NOT NULL DEFAULT now(),
    square_updated_at timestamptz, -- an older answer never overwrites a newer one
    UNIQUE (clinic_id, square_order_id),
    FOREIGN KEY (clinic_id, patient_id) REFERENCES patients (clinic_id, id)
);
CREATE INDEX billing_display_cache_by_patient ON billing_display_cache (clinic_id, patient_id);
CREATE INDEX billing_display_cache_by_status ON billing_display_cache (clinic_id, status)
    INCLUDE (amount_cents, currency, last_synced_at);

ALTER TABLE billing_display_cache ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_display_cache FORCE ROW LEVEL SECURITY;
CREATE POLICY billing_display_cache_clinic_isolation ON billing_display_cache
    TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY billing_display_cache_corporate_read ON billing_display_cache
    FOR SELECT TO nexacore_corporate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON billing_display_cache TO nexacore_app;
GRANT SELECT ON billing_display_cache TO nexacore_corporate;

-- A clinic without a row here is "not connected".
CREATE TABLE square_connections (
    clinic_id       uuid PRIMARY KEY REFERENCES clinics (id),
    token           bytea NOT NULL, -- sealed, place: square_connections/token/clinic_id
    phi_key_version int NOT NULL,
    merchant_id     text UNIQUE,    -- what a webhook names
    location_ids    text[] NOT NULL DEFAULT '{}',
    cursor          text,           -- page of an unfinished round
    updated_since   timestamptz,    -- Square's updated_at up to which all is read
    last_synced_at  timestamptz,
    last_error      text CHECK (length(last_error) <= 200),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER square_connections_touch BEFORE UPDATE ON square_connections
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

ALTER TABLE square_connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE square_connections FORCE ROW LEVEL SECURITY;
CREATE POLICY square_connections_isolation ON square_connections TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY square_connections_corporate_read ON square_connections
    FOR SELECT TO nexacore_corporate USING (true);
CREATE POLICY square_connections_relay_read ON square_connections
    FOR SELECT TO nexacore_relay USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON square_connections TO nexacore_app;
GRANT SELECT (clinic_id, last_synced_at, last_error) ON square_connections TO nexacore_corporate;
GRANT SELECT (clinic_id, merchant_id, last_synced_at) ON square_connections TO nexacore_relay;

-- Providers send the same event again: the first INSERT wins. No tenant: a webhook arrives before
-- its clinic is known, and the row holds nothing but the provider's id.
CREATE TABLE webhook_events (
    provider    text NOT NULL CHECK (provider IN ('square', 'twilio')),
    event_id    text NOT NULL CHECK (length(event_id) <= 200),
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX webhook_events_by_age ON webhook_events (received_at);
GRANT SELECT, INSERT ON webhook_events TO nexacore_app;
GRANT SELECT, DELETE ON webhook_events TO nexacore_relay; -- drops old ones
