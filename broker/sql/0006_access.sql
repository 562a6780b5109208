-- SPDX-License-Identifier: MIT
-- What ends the right of open sockets, noticed whoever does it (this system, Django's admin, psql):
-- triggers write it down, a broker tells the gateways. And direct channels, and the removal of
-- what nobody needs any more.

-- One row for each change; removed when all gateways were told. Columns say whom it is about, NULL
-- for anybody. login: see access_login_id.
CREATE TABLE access_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id bigint,
    channel_id bigint,
    login bigint,
    what text NOT NULL CHECK (what IN ('user', 'rights', 'member', 'channel', 'private', 'login'))
);

-- The 64-bit name of a login, as broker/login_id.c makes it. The table must not show session keys.
CREATE FUNCTION access_login_id(kind text, name text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE id WHEN 0 THEN 1 ELSE id END
      FROM (SELECT ('x' || encode(substr(sha256(convert_to(kind || ':' || name, 'UTF8')), 1, 8),
                                  'hex'))::bit(64)::bigint) AS h (id)
$$;

-- The triggers of Django's tables have neither WHEN nor lists of columns, which would forbid
-- Django's migrations to alter those columns; what a function names is looked up when it runs.
-- They work with the rights and in the schema of who made them, whatever Django's are.
CREATE FUNCTION access_on_user() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.password IS DISTINCT FROM OLD.password
       OR (OLD.is_active AND NOT NEW.is_active) THEN
        INSERT INTO access_change (what, user_id) VALUES ('user', OLD.id);
    ELSIF NEW.is_staff IS DISTINCT FROM OLD.is_staff THEN
        INSERT INTO access_change (what, user_id) VALUES ('rights', OLD.id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER access_on_user AFTER UPDATE OR DELETE ON auth_user
    FOR EACH ROW EXECUTE FUNCTION access_on_user();

-- Not for expired ones, which `clearsessions` deletes by the thousands.
CREATE FUNCTION access_on_session() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.expire_date > now() THEN
        INSERT INTO access_change (what, login)
        VALUES ('login', access_login_id('session', OLD.session_key));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER access_on_session AFTER DELETE ON django_session
    FOR EACH ROW EXECUTE FUNCTION access_on_session();

-- jti of a refresh token, or the name of a whole family: one that names no family finds nobody.
CREATE FUNCTION access_on_blacklist() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO access_change (what, login) VALUES ('login', access_login_id('token', NEW.jti));
    RETURN NULL;
END
$$;
CREATE TRIGGER access_on_blacklist AFTER INSERT ON token_blacklist
    FOR EACH ROW EXECUTE FUNCTION access_on_blacklist();

-- When the user or the channel is deleted, its own row says more, and it has gone before the
-- memberships do.
CREATE FUNCTION access_on_membership() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.channel_id = OLD.channel_id AND NEW.user_id = OLD.user_id THEN
        RETURN NULL;
    END IF;
    INSERT INTO access_change (what, user_id, channel_id)
    SELECT 'member', OLD.user_id, c.id
      FROM chat_channel c
     WHERE c.id = OLD.channel_id AND c.is_private
       AND EXISTS (SELECT FROM auth_user u WHERE u.id = OLD.user_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER access_on_membership AFTER UPDATE OR DELETE ON chat_membership
    FOR EACH ROW EXECUTE FUNCTION access_on_membership();

CREATE FUNCTION access_on_channel() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO access_change (what, channel_id) VALUES ('channel', OLD.id);
    ELSIF NEW.is_private AND NOT OLD.is_private THEN
        INSERT INTO access_change (what, channel_id) VALUES ('private', OLD.id);
    END IF;
    RETURN NULL;
END
$$;
-- This table is ours, and every batch of messages moves its last_seq: these updates must not call
-- a function, so here the columns are listed.
CREATE TRIGGER access_on_channel AFTER UPDATE OF is_private ON chat_channel
    FOR EACH ROW EXECUTE FUNCTION access_on_channel();
CREATE TRIGGER access_on_channel_deleted AFTER DELETE ON chat_channel
    FOR EACH ROW EXECUTE FUNCTION access_on_channel();

-- The channel of two people as `opener` sees it, made when one of them first opens it; no row when
-- the other is nobody, not active, or oneself. Of two who make it at the same time the second
-- waits for the first and finds the row. Memberships are made with the channel and never again:
-- who was put out stays out.
CREATE FUNCTION chat_direct_channel(opener bigint, other bigint)
RETURNS TABLE (channel_id bigint, channel_name text, private boolean, member boolean, seq bigint)
LANGUAGE plpgsql AS $$
DECLARE
    direct_name text := 'direct:' || least(opener, other) || ':' || greatest(opener, other);
    made bigint;
BEGIN
    IF opener = other
       OR NOT EXISTS (SELECT FROM auth_user u WHERE u.id = other AND u.is_active) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM chat_channel c WHERE c.name = direct_name) THEN
        INSERT INTO chat_channel (name, kind, is_private, created_by)
        VALUES (direct_name, 'direct', true, opener)
            ON CONFLICT (name) DO NOTHING RETURNING id INTO made;
        INSERT INTO chat_membership AS m (channel_id, user_id)
        SELECT made, person FROM unnest(ARRAY[opener, other]) AS p (person)
         WHERE made IS NOT NULL;
    END IF;
    RETURN QUERY SELECT c.id, c.name::text, c.is_private,
                        EXISTS (SELECT FROM chat_membership m
                                 WHERE m.channel_id = c.id AND m.user_id = opener),
                        c.last_seq
                   FROM chat_channel c WHERE c.name = direct_name;
END
$$;

-- Remove blacklisted tokens an hour after they would have expired anyway, some at a time.
CREATE FUNCTION token_blacklist_trim() RETURNS void LANGUAGE sql AS $$
    DELETE FROM token_blacklist
     WHERE jti IN (SELECT jti FROM token_blacklist
                    WHERE expires_at < now() - interval '1 hour'
                    ORDER BY expires_at LIMIT 5000)
$$;

-- Remove events that are out of reach of everybody who comes back, of some channels after the one
-- given, some at a time; gives the last channel that was looked at, 0 at the end. Those of the
-- last hour stay: a successor may have to deliver them again.
CREATE FUNCTION chat_event_trim(after_channel bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_channel bigint;
BEGIN
    SELECT max(c.id) INTO last_channel
      FROM (SELECT id FROM chat_channel WHERE id > after_channel ORDER BY id LIMIT 10000) c;
    DELETE FROM chat_event e
     USING (SELECT o.channel_id, o.seq
              FROM chat_channel c
             CROSS JOIN LATERAL (SELECT x.channel_id, x.seq FROM chat_event x
                                  WHERE x.channel_id = c.id AND x.seq < c.last_seq - 10000
                                    AND x.created_at < now() - interval '1 hour'
                                  ORDER BY x.seq LIMIT 1000) o
             WHERE c.id > after_channel AND c.id <= last_channel AND c.last_seq > 10000
             LIMIT 5000) old
     WHERE e.channel_id = old.channel_id AND e.seq = old.seq;
    RETURN coalesce(last_channel, 0);
END
$$;
