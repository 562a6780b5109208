-- SPDX-License-Identifier: MIT
-- Old notifications that are read or dismissed are removed, a few at a time.

-- Looks at `at_most` rows behind `after_id` and removes those of them that are older than `days`
-- and not unread. next_id: where to go on; 0: at the beginning, as what follows is too young, ids
-- being given in the order of time. Rows that somebody has locked are left for the next round.
CREATE FUNCTION notification_trim(after_id bigint, days bigint, at_most bigint)
RETURNS TABLE (next_id bigint, removed bigint)
LANGUAGE plpgsql AS $$
DECLARE
    too_old CONSTANT timestamptz := now() - days * interval '1 day';
BEGIN
    RETURN QUERY
    WITH page AS MATERIALIZED (
        SELECT n.id, n.created_at FROM notification n WHERE n.id > after_id
         ORDER BY n.id LIMIT at_most),
    old AS MATERIALIZED (
        SELECT n.id FROM page p JOIN notification n ON n.id = p.id
         WHERE n.status <> 'unread' AND n.created_at < too_old
           FOR UPDATE OF n SKIP LOCKED),
    gone AS (DELETE FROM notification n USING old o WHERE n.id = o.id RETURNING 1)
    SELECT CASE WHEN count(*) < at_most OR min(p.created_at) >= too_old THEN 0 ELSE max(p.id) END,
           (SELECT count(*) FROM gone)
      FROM page p;
END
$$;
