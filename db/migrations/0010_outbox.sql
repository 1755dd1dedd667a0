-- The outbox: what a transaction tells the world, relayed to Redis after commit.
--
-- The rule: a writer leaves clinic_seq out. It is given at commit, by a deferred trigger, so that
-- it follows commit order within a clinic, and its counter is the last lock a transaction takes and
-- is held only while it commits: no deadlock, no queueing behind a slow transaction.

SET LOCAL ROLE nexacore_owner;

CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id   uuid NOT NULL REFERENCES clinics (id),
    clinic_seq  bigint,
    kind        text NOT NULL CHECK (kind IN ('job', 'event')),
    name        text NOT NULL,               -- the queue, or the event
    key         text,                        -- a job's business key = its BullMQ job id
    payload     jsonb NOT NULL DEFAULT '{}', -- ids; PHI only sealed
    rooms       text[] NOT NULL DEFAULT '{}',
    priority    int NOT NULL DEFAULT 0 CHECK (priority >= 0),
    delay_until timestamptz,
    attempts    int NOT NULL DEFAULT 0,      -- of the relay
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (kind = 'event' OR key IS NOT NULL),
    UNIQUE (clinic_id, clinic_seq)
);

CREATE TABLE outbox_counters (
    clinic_id uuid PRIMARY KEY REFERENCES clinics (id),
    last_seq  bigint NOT NULL
);

CREATE FUNCTION outbox_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH counter AS (
        INSERT INTO public.outbox_counters AS c (clinic_id, last_seq) VALUES (NEW.clinic_id, 1)
        ON CONFLICT (clinic_id) DO UPDATE SET last_seq = c.last_seq + 1
        RETURNING last_seq)
    UPDATE public.outbox o SET clinic_seq = counter.last_seq FROM counter WHERE o.id = NEW.id;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION outbox_number() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER outbox_number AFTER INSERT ON outbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION outbox_number();

-- Wakes the relay; equal notifications of one transaction are sent once, after commit.
CREATE FUNCTION outbox_notify() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('nexacore_outbox', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY outbox_clinic_isolation ON outbox TO nexacore_app
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY outbox_relay ON outbox TO nexacore_relay USING (true);
CREATE POLICY outbox_numbering ON outbox TO nexacore_owner USING (true);
GRANT SELECT, INSERT ON outbox TO nexacore_app;
-- UPDATE on one column is what SELECT ... FOR UPDATE SKIP LOCKED asks for.
GRANT SELECT, DELETE, UPDATE (attempts) ON outbox TO nexacore_relay;

ALTER TABLE outbox_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox_counters FORCE ROW LEVEL SECURITY;
CREATE POLICY outbox_counters_isolation ON outbox_counters TO nexacore_app
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY outbox_counters_relay_read ON outbox_counters
    FOR SELECT TO nexacore_relay USING (true);
CREATE POLICY outbox_counters_numbering ON outbox_counters TO nexacore_owner USING (true);
GRANT SELECT ON outbox_counters TO nexacore_app, nexacore_relay;
