-- Numbers by which a listener notices that an event is missing, and that one came twice; and what
-- the server must see to close the sockets of those whose role or clinic changed.
--
-- The rule: an event's number is its clinic_seq, one line for the whole clinic. `prev` tells which
-- event each audience (room) had before, so that somebody in some of the rooms sees a gap where there
-- is one and nowhere else: of the event's own rooms, and of all that had one among the last 50, because
-- who missed an event in one room may hear the next in another.
SET LOCAL ROLE nexacore_owner;

ALTER TABLE outbox ADD COLUMN prev jsonb; -- of events: {room: clinic_seq of the one before}
ALTER TABLE outbox_counters ADD COLUMN heard jsonb NOT NULL DEFAULT '{}'; -- {room: last clinic_seq}

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
            WHERE room = ANY (NEW.rooms) OR seq::bigint >= number - 50;
        UPDATE public.outbox_counters SET heard = latest ||
            (SELECT coalesce(jsonb_object_agg(room, number), '{}')
             FROM unnest(NEW.rooms) room WHERE room IS NOT NULL)
            WHERE clinic_id = NEW.clinic_id;
    END IF;
    UPDATE public.outbox SET clinic_seq = number, prev = before WHERE id = NEW.id;
    RETURN NULL;
END
$$;

GRANT SELECT (auth_id, role) ON users TO nexacore_relay;
