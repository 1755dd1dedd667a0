-- Gaps of a role are seen however much happened meanwhile: `prev` of each event now names all the
-- clinic's roles (a handful) and, as before, the event's own rooms and the users who had one among
-- the last 50. Users who had none among the last 10000, which no listener waits for, are forgotten,
-- so `heard` stays short.
--
-- The rule: as in 0013. A user's own room is "u:<user>"; all others are the clinic's.
SET LOCAL ROLE nexacore_owner;

CREATE OR REPLACE FUNCTION outbox_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number bigint;
    before jsonb; -- this event, for each room
    latest jsonb; -- of all rooms
BEGIN
    INSERT INTO public.outbox_counters AS c (clinic_id, last_seq) VALUES (NEW.clinic_id, 1)
        ON CONFLICT (clinic_id) DO UPDATE SET last_seq = c.last_seq + 1
        RETURNING last_seq, heard INTO number, latest;
    IF NEW.kind = 'event' THEN
        SELECT coalesce(jsonb_object_agg(room, seq), '{}') INTO before
            FROM jsonb_each(latest) AS e (room, seq)
            WHERE room = ANY (NEW.rooms) OR NOT starts_with(room, 'u:') OR seq::bigint >= number - 50;
        UPDATE public.outbox_counters SET heard =
            (SELECT coalesce(jsonb_object_agg(room, seq), '{}') FROM jsonb_each(latest) AS e (room, seq)
             WHERE NOT starts_with(room, 'u:') OR seq::bigint >= number - 10000) ||
            (SELECT coalesce(jsonb_object_agg(room, number), '{}')
             FROM unnest(NEW.rooms) room WHERE room IS NOT NULL)
            WHERE clinic_id = NEW.clinic_id;
    END IF;
    UPDATE public.outbox SET clinic_seq = number, prev = before WHERE id = NEW.id;
    RETURN NULL;
END
$$;
