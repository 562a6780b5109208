-- SPDX-License-Identifier: MIT
-- Sending pushes: due jobs are claimed, judged, spread over devices, and settled. Devices and
-- preferences as their owners set them.

CREATE INDEX notification_unread ON notification (user_id, id DESC) WHERE status = 'unread';

-- Is it a quiet hour for somebody? From start to end by the clock of the zone, over midnight when
-- the end is the earlier one. A zone that PostgreSQL has never heard of is UTC.
CREATE FUNCTION push_is_quiet(quiet_start time, quiet_end time, zone text, at timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    clock time;
BEGIN
    IF quiet_start IS NULL OR quiet_end IS NULL OR quiet_start = quiet_end THEN
        RETURN false;
    END IF;
    BEGIN
        clock := (at AT TIME ZONE zone)::time;
    EXCEPTION WHEN invalid_parameter_value THEN
        clock := (at AT TIME ZONE 'UTC')::time;
    END;
    RETURN CASE WHEN quiet_start < quiet_end THEN clock >= quiet_start AND clock < quiet_end
                ELSE clock >= quiet_start OR clock < quiet_end END;
END
$$;

-- Take due jobs for a while: whoever took them has them for lease_ms, then they are due again.
-- Those without a device first become one for each device. What nobody wants any more (read,
-- switched off, in quiet hours) is deleted. A test (category 'test', seq 0) asks for no preferences
-- and is never unread. A row without a job says how many were deleted.
-- Locks are only taken where nobody has to be waited for: whoever marks a notification locks it and
-- then its jobs, whoever removes a device locks that and then its jobs.
CREATE FUNCTION push_claim(at_most bigint, lease_ms bigint)
RETURNS TABLE (job bigint, claim bigint, tries integer, device bigint, kind text, a_token text,
               notification bigint, person bigint, channel bigint, a_title text, a_message text,
               a_category text, a_url text, dropped bigint)
LANGUAGE plpgsql AS $$
BEGIN
    WITH due AS MATERIALIZED (
        SELECT j.id FROM push_job j JOIN notification n ON n.id = j.notification_id
         WHERE j.device_id IS NULL AND j.due_at <= now() ORDER BY j.due_at LIMIT at_most
           FOR UPDATE OF j SKIP LOCKED FOR KEY SHARE OF n SKIP LOCKED),
    gone AS (
        DELETE FROM push_job j USING due WHERE j.id = due.id
        RETURNING j.notification_id, j.user_id),
    wanted AS MATERIALIZED (
        SELECT g.notification_id, g.user_id, d.id AS device_id
          FROM gone g JOIN device_token d ON d.user_id = g.user_id
           FOR KEY SHARE OF d SKIP LOCKED)
    -- One that is there already tells of what the notification was before: it starts anew.
    INSERT INTO push_job (notification_id, user_id, device_id, due_at)
    SELECT w.notification_id, w.user_id, w.device_id, now() FROM wanted w
        ON CONFLICT (notification_id, coalesce(device_id, 0))
        DO UPDATE SET due_at = now(), attempts = 0;

    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT j.id FROM push_job j
         WHERE j.device_id IS NOT NULL AND j.due_at <= now() ORDER BY j.due_at LIMIT at_most
           FOR UPDATE SKIP LOCKED),
    judged AS MATERIALIZED (
        SELECT j.id, n.id AS notification_id, n.user_id, coalesce(n.channel_id, 0) AS channel_id,
               n.title, n.message, n.category, n.url, d.device_type, d.token,
               d.id IS NOT NULL AND u.is_active
               AND ((n.category = 'test' AND n.seq = 0)
                    OR (n.status = 'unread' AND coalesce(p.push_enabled, true)
                        AND coalesce((p.categories ->> n.category)::boolean, true)
                        AND NOT push_is_quiet(p.quiet_start, p.quiet_end, p.time_zone, now())))
               AS is_wanted
          FROM due JOIN push_job j ON j.id = due.id
          JOIN notification n ON n.id = j.notification_id
          JOIN auth_user u ON u.id = n.user_id
          LEFT JOIN device_token d ON d.id = j.device_id AND d.user_id = n.user_id
          LEFT JOIN notification_preference p ON p.user_id = n.user_id),
    deleted AS (
        DELETE FROM push_job j USING judged g WHERE j.id = g.id AND NOT g.is_wanted RETURNING 1),
    taken AS (
        UPDATE push_job j
           SET due_at = now() + lease_ms * interval '1 millisecond', attempts = j.attempts + 1
          FROM judged g WHERE j.id = g.id AND g.is_wanted
        RETURNING j.id, j.due_at, j.attempts, j.device_id)
    SELECT t.id, (extract(epoch FROM t.due_at) * 1000000)::bigint, t.attempts, t.device_id,
           g.device_type, g.token, g.notification_id, g.user_id, g.channel_id, g.title, g.message,
           g.category, g.url, 0::bigint
      FROM taken t JOIN judged g ON g.id = t.id
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, count(*)
      FROM deleted;
END
$$;

-- The end of claims. action: 0 done, 1 done and the device is gone, 2 again after delay_ms. A job
-- that was claimed anew meanwhile, or has to be sent anew, is left alone.
CREATE FUNCTION push_settle(s_job bigint[], s_claim bigint[], s_device bigint[], s_action integer[],
                            s_delay_ms bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM device_token d WHERE d.id = ANY (
        ARRAY(SELECT s.device FROM unnest(s_device, s_action) AS s (device, action)
               WHERE s.action = 1));
    UPDATE push_job j SET due_at = now() + s.delay_ms * interval '1 millisecond'
      FROM unnest(s_job, s_claim, s_action, s_delay_ms) AS s (job, claim, action, delay_ms)
     WHERE j.id = s.job AND s.action = 2
       AND (extract(epoch FROM j.due_at) * 1000000)::bigint = s.claim;
    DELETE FROM push_job j
     USING unnest(s_job, s_claim, s_action) AS s (job, claim, action)
     WHERE j.id = s.job AND s.action <> 2
       AND (extract(epoch FROM j.due_at) * 1000000)::bigint = s.claim;
END
$$;

-- A device of somebody's. One that was another's moves, without what that one was to be told. Of
-- more than `at_most` the oldest go.
CREATE FUNCTION device_register(person bigint, kind text, a_token text, at_most bigint)
RETURNS TABLE (device bigint, made timestamptz, is_new boolean)
LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
    found_at timestamptz;
    was_there boolean;
BEGIN
    PERFORM FROM auth_user u WHERE u.id = person FOR NO KEY UPDATE; /* one after the other */
    INSERT INTO device_token AS d (user_id, device_type, token) VALUES (person, kind, a_token)
        ON CONFLICT (md5(token)) DO UPDATE
       SET device_type = excluded.device_type, token = excluded.token, user_id = excluded.user_id,
           created_at = CASE WHEN d.user_id = excluded.user_id THEN d.created_at ELSE now() END
    RETURNING d.id, d.created_at, d.xmax <> 0 INTO found_id, found_at, was_there;
    IF was_there THEN
        DELETE FROM push_job j WHERE j.device_id = found_id AND j.user_id <> person;
    END IF;
    DELETE FROM device_token d WHERE d.id IN (
        SELECT o.id FROM device_token o WHERE o.user_id = person AND o.id <> found_id
         ORDER BY o.created_at DESC, o.id DESC OFFSET at_most - 1);
    RETURN QUERY SELECT found_id, found_at, NOT was_there;
END
$$;

-- Change what is given; categories are merged. code: 0 done, 1 no such time zone, 2 too many
-- categories.
CREATE FUNCTION notification_preference_set(
    person bigint, a_push integer, a_categories jsonb, has_start boolean, a_start time,
    has_end boolean, an_end time, a_zone text, categories_at_most integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    merged jsonb;
BEGIN
    IF a_zone IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = a_zone)
    THEN
        RETURN 1;
    END IF;
    INSERT INTO notification_preference AS p (user_id) VALUES (person)
        ON CONFLICT (user_id) DO UPDATE SET user_id = p.user_id
    RETURNING p.categories || coalesce(a_categories, '{}') INTO merged;
    IF (SELECT count(*) FROM jsonb_object_keys(merged)) > categories_at_most THEN
        RETURN 2;
    END IF;
    UPDATE notification_preference p
       SET push_enabled = coalesce(a_push <> 0, p.push_enabled),
           categories = merged,
           quiet_start = CASE WHEN has_start THEN a_start ELSE p.quiet_start END,
           quiet_end = CASE WHEN has_end THEN an_end ELSE p.quiet_end END,
           time_zone = coalesce(a_zone, p.time_zone)
     WHERE p.user_id = person;
    RETURN 0;
END
$$;

-- A push to all devices now. It is nothing to be read: not counted, not shown to sockets, and only
-- the last one is kept. Gives the number of devices.
CREATE FUNCTION push_test(person bigint, a_title text, a_message text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
    devices bigint;
BEGIN
    DELETE FROM notification n WHERE n.user_id = person AND n.category = 'test' AND n.seq = 0;
    SELECT count(*) FROM device_token d WHERE d.user_id = person INTO devices;
    INSERT INTO notification AS n (user_id, seq, created_at, status, category, title, message, url)
    VALUES (person, 0, now(), 'read', 'test', a_title, a_message, '/') RETURNING n.id INTO made;
    IF devices > 0 THEN
        INSERT INTO push_job (notification_id, user_id, due_at) VALUES (made, person, now());
    END IF;
    RETURN devices;
END
$$;
