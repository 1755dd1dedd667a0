-- Numbers by which a listener notices that an event is missing, and that one came twice; and what
-- the server must see to close the sockets of those whose role or clinic changed.
--
-- The rule: an event's number is its clinic_seq, one line for the whole clinic. `prev` tells for
-- each of its rooms the number of the event before it in that room, so that somebody who is in some
-- of the rooms only sees a gap where there is one, and nowhere else.
SET LOCAL ROLE nexacore_owner;

ALTER TABLE outbox ADD COLUMN prev jsonb; -- of events: {room: clinic_seq, or 0 for none}
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
        SELECT jsonb_object_agg(room, coalesce(latest -> room, '0')),
               latest || jsonb_object_agg(room, number)
            INTO before, latest
            FROM unnest(NEW.rooms) room WHERE room IS NOT NULL;
    END IF;
    IF before IS NOT NULL THEN
        UPDATE public.outbox_counters SET heard = latest WHERE clinic_id = NEW.clinic_id;
    END IF;
    UPDATE public.outbox SET clinic_seq = number, prev = before WHERE id = NEW.id;
    RETURN NULL;
END
$$;

GRANT SELECT (auth_id, role) ON users TO nexacore_relay;
