-- Database roles, the migration table, and the trigger functions every feature shares.
--
-- The one rule: this file alone runs as whoever connects; every later file begins with
-- SET LOCAL ROLE nexacore_owner, so that one role owns every object.
--
-- Roles live in the cluster, not in the database. The first run in a cluster needs a superuser, or
-- a role with CREATEROLE that owns the database; later databases of the same cluster can be
-- migrated by nexacore_owner itself. No password is set here: the installer gives them with
-- ALTER ROLE ... PASSWORD (without one a scram login is refused).
--
--   nexacore_owner         owns every object, runs migrations
--   nexacore_app           what `serve` and `work` connect as: one clinic at a time, by context
--   nexacore_corporate     NOLOGIN; SELECT over all clinics, nothing of alerts
--   nexacore_relay         NOLOGIN; the outbox of all clinics, bare ids and due times of open work
--   nexacore_counts        NOLOGIN; owns the counting functions, sees alerts' statuses and times
--   nexacore_audit_reader  SELECT on audit_logs and nothing else
--
-- nexacore_app may switch to corporate and relay with set_config('role', ..., true), but does not
-- inherit them: their policies would otherwise apply to every statement of the application.

DO $$
BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        RAISE EXCEPTION 'NexaCore needs PostgreSQL 16 or newer, this is %',
            current_setting('server_version') USING ERRCODE = 'feature_not_supported';
    END IF;
END
$$;

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('nexacore_owner',        'LOGIN'),
            ('nexacore_app',          'LOGIN'),
            ('nexacore_corporate',    'NOLOGIN'),
            ('nexacore_relay',        'NOLOGIN'),
            ('nexacore_counts',       'NOLOGIN'),
            ('nexacore_audit_reader', 'LOGIN')) AS r (name, login)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name);
        BEGIN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.login);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this cluster was migrated in the same moment
        END;
    END LOOP;
END
$$;

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('nexacore_corporate', 'nexacore_app'),
            ('nexacore_relay',     'nexacore_app'),
            ('nexacore_counts',    'nexacore_owner')) AS m (granted, member)
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_auth_members
            WHERE roleid = wanted.granted::regrole AND member = wanted.member::regrole
              AND set_option AND NOT inherit_option);
        BEGIN
            EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE',
                           wanted.granted, wanted.member);
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
    -- What a killed process leaves behind ends by itself and gives its locks back. Whoever made the
    -- role may change it; in a later database of the cluster it was done before.
    IF (SELECT rolsuper OR (rolcreaterole AND pg_has_role('nexacore_app', 'MEMBER WITH ADMIN OPTION'))
        FROM pg_roles WHERE rolname = current_user) THEN
        ALTER ROLE nexacore_app SET statement_timeout = '60s';
        ALTER ROLE nexacore_app SET idle_in_transaction_session_timeout = '60s';
        ALTER ROLE nexacore_app SET client_connection_check_interval = '5s';
    END IF;
    IF NOT pg_has_role(current_user, 'nexacore_owner', 'SET') THEN
        EXECUTE format('GRANT nexacore_owner TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
    IF NOT has_database_privilege('nexacore_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO nexacore_owner', current_database());
    END IF;
    IF NOT has_schema_privilege('nexacore_owner', 'public', 'CREATE WITH GRANT OPTION') THEN
        GRANT USAGE, CREATE ON SCHEMA public TO nexacore_owner WITH GRANT OPTION;
    END IF;
END
$$;

SET LOCAL ROLE nexacore_owner;

-- The server seals PHI itself; pgcrypto is here so that an operator with the key can read it.
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public;

-- What `nexacore migrate` has applied. Read by the start-up guard.
CREATE TABLE schema_migrations (
    version    int PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migrations TO nexacore_app;

-- BEFORE UPDATE ... FOR EACH ROW on tables with an ETag.
CREATE FUNCTION touch_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;

-- BEFORE UPDATE ... FOR EACH ROW where only the time matters.
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- BEFORE INSERT OR UPDATE OR DELETE ... FOR EACH STATEMENT on clinical tables: corporate writes
-- nothing clinical, even when a mistake in the application lets it try.
CREATE FUNCTION refuse_corporate_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('app.current_role', true) = 'CORPORATE_ADMIN' THEN
        RAISE EXCEPTION 'CORPORATE_ADMIN does not write to %', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;

-- BEFORE UPDATE OR DELETE OR TRUNCATE ... FOR EACH STATEMENT on append-only tables.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
