-- The audit trail: append-only, one partition a month.
--
-- The rule: rows are added and read, never changed; every other way in raises, loudly, also for the
-- owner and also when it would have touched no row. (The seed's silent RULEs would hide an attack
-- and make PostgreSQL refuse INSERT ... ON CONFLICT.)

SET LOCAL ROLE nexacore_owner;

CREATE TABLE audit_logs (
    id            bigserial,
    clinic_id     uuid NOT NULL, -- no foreign key: a denied request may name a clinic that is none
    actor_user_id uuid,
    actor_role    text,
    action        text NOT NULL,
    target_table  text,
    target_id     uuid,
    ip_address    inet,
    session_id    text,
    logged_at     timestamptz NOT NULL DEFAULT now(),
    -- additions to the seed
    occurred_at   timestamptz NOT NULL DEFAULT now(),
    outcome       text NOT NULL DEFAULT 'SUCCESS', -- SUCCESS, DENIED, FAILURE
    request_id    text,
    event_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (id, logged_at)
) PARTITION BY RANGE (logged_at);
CREATE INDEX audit_logs_by_time ON audit_logs (clinic_id, logged_at DESC, id DESC);
CREATE INDEX audit_logs_by_actor ON audit_logs (clinic_id, actor_user_id, logged_at DESC, id DESC);
CREATE INDEX audit_logs_by_action ON audit_logs (clinic_id, action, logged_at DESC, id DESC);
CREATE INDEX audit_logs_by_target ON audit_logs (clinic_id, target_id, logged_at DESC, id DESC);
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_logs_clinic_read ON audit_logs FOR SELECT TO nexacore_app, nexacore_owner
    USING (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY audit_logs_clinic_append ON audit_logs FOR INSERT TO nexacore_app, nexacore_owner
    WITH CHECK (clinic_id = (SELECT nullif(current_setting('app.current_clinic_id', true), '')::uuid));
CREATE POLICY audit_logs_corporate_read ON audit_logs
    FOR SELECT TO nexacore_corporate USING (true);
CREATE POLICY audit_logs_reader ON audit_logs FOR SELECT TO nexacore_audit_reader USING (true);
-- A journal's batch holds events of several clinics: the relay appends it, and cannot read it back.
CREATE POLICY audit_logs_relay_append ON audit_logs
    FOR INSERT TO nexacore_relay WITH CHECK (true);
GRANT SELECT, INSERT ON audit_logs TO nexacore_app;
GRANT SELECT ON audit_logs TO nexacore_corporate, nexacore_audit_reader;
GRANT INSERT ON audit_logs TO nexacore_relay;
GRANT USAGE ON SEQUENCE audit_logs_id_seq TO nexacore_app, nexacore_relay;

-- Makes this month's partition and `p_months_ahead` more, where missing; returns how many it made.
-- Called by the migration and by every audit-flush. Months are UTC. A partition is built beside the
-- table and attached, which unlike CREATE TABLE ... PARTITION OF blocks no reader or writer. Nobody
-- has a privilege or a policy on a partition: they are reached through audit_logs alone.
CREATE FUNCTION audit_partitions_ensure(p_months_ahead int DEFAULT 3) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', now(), 'UTC');
    month timestamptz;
    part  text;
    made  int := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months ahead must be 0..24' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR i IN 0..p_months_ahead LOOP
        month := (first AT TIME ZONE 'UTC' + make_interval(months => i)) AT TIME ZONE 'UTC';
        part := 'audit_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('nexacore_audit_partitions'));
        CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_logs INCLUDING DEFAULTS)', part);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', part);
        EXECUTE format('CREATE TRIGGER audit_logs_append_only '
                       'BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()', part);
        EXECUTE format('ALTER TABLE public.audit_logs ATTACH PARTITION public.%I '
                       'FOR VALUES FROM (%L) TO (%L)', part, month,
                       (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION audit_partitions_ensure(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_partitions_ensure(int) TO nexacore_app, nexacore_relay;
SELECT audit_partitions_ensure();

-- How far a journal file was moved to audit_logs, written in the same transaction as the rows: a
-- batch is inserted exactly once. No tenant: a journal holds events of every clinic.
CREATE TABLE audit_flush_marks (
    journal    text PRIMARY KEY,
    position   bigint NOT NULL CHECK (position >= 0), -- bytes
    updated_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_flush_marks TO nexacore_app, nexacore_relay;

-- Hash-chained, signed checkpoints over committed rows. Read the rows as nexacore_corporate, write
-- the checkpoint as nexacore_app.
CREATE TABLE audit_checkpoints (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_id    bigint NOT NULL, -- audit_logs.id, inclusive
    to_id      bigint NOT NULL,
    row_count  bigint NOT NULL CHECK (row_count >= 0),
    rows_hash  bytea NOT NULL CHECK (length(rows_hash) = 32),
    prev_hash  bytea NOT NULL CHECK (length(prev_hash) = 32), -- the checkpoint before; 32 zeros first
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    signature  bytea NOT NULL,
    key_id     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (prev_hash), -- a chain, no fork
    CHECK (to_id >= from_id)
);
CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON audit_checkpoints TO nexacore_app;
GRANT SELECT ON audit_checkpoints TO nexacore_corporate;
