-- SPDX-License-Identifier: MIT
-- What sockets were told that may never have reached anybody is pushed, too: a gateway that died,
-- a peer that was not there any more.

-- When sockets alone were told of it, so that no push waits for it or was sent. NULL: it was pushed,
-- or is about to be; or nobody was to be told.
ALTER TABLE notification ADD COLUMN told_at timestamptz;

-- The last sockets of people have gone, and perhaps without what they were told last: it is pushed
-- `after` so many seconds, to those who have a device. Each once: it is not of sockets alone then.
CREATE FUNCTION notification_gone(people bigint[], push_after bigint, after bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- Longer than nobody notices that a gateway is dead (30 s) or a peer (PING_INTERVAL and
    -- PONG_TIMEOUT, 50 s); push_after is added, as what a socket took back is as old as that.
    unnoticed CONSTANT interval := '60 seconds';
    newest CONSTANT integer := 1000; -- of one person's unread, so that a full list costs no more
BEGIN
    WITH unseen AS MATERIALIZED (
        SELECT n.id, n.user_id
          FROM unnest(people) AS p (person)
          CROSS JOIN LATERAL (
              SELECT u.id, u.user_id, u.told_at FROM notification u
               WHERE u.user_id = p.person AND u.status = 'unread' ORDER BY u.id DESC LIMIT newest) n
         WHERE EXISTS (SELECT FROM device_token d WHERE d.user_id = p.person)
           AND n.told_at > now() - unnoticed - push_after * interval '1 second'),
    jobs AS (
        INSERT INTO push_job (notification_id, user_id, due_at)
        SELECT u.id, u.user_id, now() + after * interval '1 second' FROM unseen u
            ON CONFLICT DO NOTHING)
    UPDATE notification n SET told_at = NULL FROM unseen u WHERE n.id = u.id;
END
$$;

-- As before; a socket that opens remembers when what it takes back was made, and kind 6: the last
-- sockets of people died with their gateway, 7: somebody's last socket broke and may be back soon.
CREATE OR REPLACE FUNCTION notification_apply(
    o_kind integer[], o_user bigint[], o_notification bigint[], o_channel bigint[],
    o_message_id bigint[], o_created timestamptz[], o_title text[], o_message text[],
    o_category text[], o_url text[], o_source text[],
    u_op integer[], u_user bigint[], u_online integer[], push_after bigint)
RETURNS TABLE (op integer, code integer, user_id bigint, id bigint, seq bigint, unread integer,
               status text, created_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    FOR i IN 1 .. cardinality(o_kind) LOOP
        IF o_kind[i] = 1 THEN
            UPDATE notification n SET told_at = j.due_at - push_after * interval '1 second'
              FROM push_job j
             WHERE j.user_id = o_user[i] AND j.device_id IS NULL AND n.id = j.notification_id;
            DELETE FROM push_job j WHERE j.user_id = o_user[i] AND j.device_id IS NULL;
            RETURN QUERY
            SELECT i, 0, o_user[i], NULL::bigint, coalesce(s.seq, 0), coalesce(s.unread, 0),
                   NULL::text, NULL::timestamptz
              FROM (SELECT) AS one LEFT JOIN notification_state s ON s.user_id = o_user[i];
        ELSIF o_kind[i] = 2 AND o_channel[i] = 0 THEN
            RETURN QUERY SELECT * FROM notification_add(
                i, o_created[i], o_title[i], o_message[i], o_category[i], o_url[i], o_source[i],
                ARRAY(SELECT u.person FROM unnest(u_op, u_user) AS u (op, person) WHERE u.op = i),
                ARRAY(SELECT u.person FROM unnest(u_op, u_user, u_online) AS u (op, person, online)
                       WHERE u.op = i AND u.online <> 0), push_after);
        ELSIF o_kind[i] = 2 THEN
            RETURN QUERY SELECT * FROM notification_add_chat(
                i, o_channel[i], o_message_id[i], o_created[i], o_title[i], o_message[i],
                o_category[i], o_url[i],
                ARRAY(SELECT u.person FROM unnest(u_op, u_user) AS u (op, person) WHERE u.op = i),
                ARRAY(SELECT u.person FROM unnest(u_op, u_user, u_online) AS u (op, person, online)
                       WHERE u.op = i AND u.online <> 0), push_after);
        ELSIF o_kind[i] IN (6, 7) THEN
            PERFORM notification_gone(
                ARRAY(SELECT u.person FROM unnest(u_op, u_user) AS u (op, person) WHERE u.op = i),
                push_after, CASE o_kind[i] WHEN 7 THEN push_after ELSE 0 END);
        ELSE
            RETURN QUERY SELECT * FROM notification_mark(
                i, o_user[i], o_notification[i], o_kind[i] = 4,
                CASE o_kind[i] WHEN 5 THEN 'dismissed' ELSE 'read' END);
        END IF;
    END LOOP;
END
$$;

-- As before, and noted when sockets alone are told.
CREATE OR REPLACE FUNCTION notification_add(
    op integer, made timestamptz, a_title text, a_message text, a_category text, a_url text,
    a_source text, people bigint[], online bigint[], push_after bigint)
RETURNS TABLE (r_op integer, r_code integer, r_user bigint, r_id bigint, r_seq bigint,
               r_unread integer, r_status text, r_created timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH fresh AS (
        SELECT u.id AS person FROM auth_user u
         WHERE u.id = ANY (people) AND u.is_active
           AND NOT EXISTS (SELECT FROM notification n
                            WHERE n.user_id = u.id AND n.source = a_source)),
    counted AS (
        INSERT INTO notification_state AS s (user_id, unread, seq)
        SELECT person, 1, 2 FROM fresh
            ON CONFLICT (user_id) DO UPDATE SET unread = s.unread + 1, seq = s.seq + 2
        RETURNING s.user_id, s.unread, s.seq),
    added AS (
        INSERT INTO notification AS n (user_id, seq, created_at, category, title, message, url, source,
                                       told_at)
        SELECT c.user_id, c.seq, made, a_category, a_title, a_message, a_url, a_source,
               CASE WHEN c.user_id = ANY (online) THEN now() END
          FROM counted c
        RETURNING n.id, n.user_id, n.seq),
    jobs AS (
        INSERT INTO push_job (notification_id, user_id, due_at)
        SELECT a.id, a.user_id, now() + push_after * interval '1 second' FROM added a
         WHERE a.user_id <> ALL (online)
           AND EXISTS (SELECT FROM device_token d WHERE d.user_id = a.user_id))
    SELECT op, 0, a.user_id, a.id, a.seq, c.unread, 'unread', made
      FROM added a JOIN counted c ON c.user_id = a.user_id WHERE a.user_id = ANY (online)
    UNION ALL
    SELECT op, 3, n.user_id, n.id, n.seq, s.unread, n.status, n.created_at
      FROM notification n JOIN notification_state s ON s.user_id = n.user_id
     WHERE n.user_id = ANY (online) AND n.source = a_source;
END
$$;

CREATE OR REPLACE FUNCTION notification_add_chat(
    op integer, a_channel bigint, a_message_id bigint, made timestamptz, a_title text,
    a_message text, a_category text, a_url text, people bigint[], online bigint[],
    push_after bigint)
RETURNS TABLE (r_op integer, r_code integer, r_user bigint, r_id bigint, r_seq bigint,
               r_unread integer, r_status text, r_created timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH fresh AS (
        SELECT u.id AS person,
               (SELECT n.id FROM notification n WHERE n.user_id = u.id
                   AND n.channel_id = a_channel AND n.status = 'unread') AS present
          FROM auth_user u
         WHERE u.id = ANY (people) AND u.is_active
           AND NOT EXISTS (SELECT FROM notification n WHERE n.user_id = u.id
                              AND n.channel_id = a_channel AND n.message_id >= a_message_id)),
    counted AS (
        INSERT INTO notification_state AS s (user_id, unread, seq)
        SELECT person, 1, 2 FROM fresh
            ON CONFLICT (user_id) DO UPDATE
           SET seq = s.seq + 2,
               unread = s.unread + CASE WHEN EXISTS (SELECT FROM fresh f
                        WHERE f.person = s.user_id AND f.present IS NULL) THEN 1 ELSE 0 END
        RETURNING s.user_id, s.unread, s.seq),
    renewed AS (
        UPDATE notification n
           SET message_id = a_message_id, created_at = made, title = a_title, message = a_message,
               seq = c.seq, told_at = CASE WHEN c.user_id = ANY (online) THEN now() END
          FROM fresh f JOIN counted c ON c.user_id = f.person
         WHERE n.id = f.present
        RETURNING n.id, n.user_id, n.seq),
    added AS (
        INSERT INTO notification AS n (user_id, seq, channel_id, message_id, created_at, category,
                                       title, message, url, told_at)
        SELECT f.person, c.seq, a_channel, a_message_id, made, a_category, a_title, a_message, a_url,
               CASE WHEN f.person = ANY (online) THEN now() END
          FROM fresh f JOIN counted c ON c.user_id = f.person WHERE f.present IS NULL
        RETURNING n.id, n.user_id, n.seq),
    done AS (SELECT * FROM added UNION ALL SELECT * FROM renewed),
    jobs AS (
        INSERT INTO push_job (notification_id, user_id, due_at)
        SELECT d.id, d.user_id, now() + push_after * interval '1 second' FROM done d
         WHERE d.user_id <> ALL (online)
           AND EXISTS (SELECT FROM device_token t WHERE t.user_id = d.user_id)
            ON CONFLICT DO NOTHING)
    SELECT op, 0, d.user_id, d.id, d.seq, c.unread, 'unread', made
      FROM done d JOIN counted c ON c.user_id = d.user_id WHERE d.user_id = ANY (online)
    UNION ALL
    SELECT op, 3, n.user_id, n.id, n.seq, s.unread, n.status, n.created_at
      FROM notification n JOIN notification_state s ON s.user_id = n.user_id
     WHERE n.user_id = ANY (online) AND n.channel_id = a_channel AND n.message_id = a_message_id;
END
$$;
