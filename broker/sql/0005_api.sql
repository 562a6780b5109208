-- SPDX-License-Identifier: MIT
-- What the HTTP API does in more than one step: searching, making channels, letting people in.

-- The newest messages of a channel, older than `before`, in which the words are found: at most
-- `wanted` ids. Walks the channel backwards, without an index on texts, which each new message
-- would have to pay for; therefore it ends after `max_rows` messages or `max_bytes` of text.
-- scan_end: the id of the last message that was looked at when there are more below it, else 0.
-- Of a very long text only the beginning is searched, because a tsvector has a bound of 1 MB.
CREATE FUNCTION chat_search(channel bigint, before bigint, words text, wanted bigint,
                            max_rows bigint, max_bytes bigint,
                            OUT ids bigint[], OUT scan_end bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    query tsquery := websearch_to_tsquery('simple', words);
    last_id bigint := 0;
    row_count bigint := 0;
    byte_count bigint := 0;
    m record;
BEGIN
    ids := '{}';
    scan_end := 0;
    IF wanted <= 0 OR numnode(query) = 0 THEN
        RETURN;
    END IF;
    FOR m IN SELECT c.id, c.content, c.deleted_at FROM chat_message c
              WHERE c.channel_id = channel AND c.id < before ORDER BY c.id DESC
    LOOP
        IF cardinality(ids) >= wanted OR row_count >= max_rows OR byte_count >= max_bytes THEN
            scan_end := last_id;
            RETURN;
        END IF;
        IF m.deleted_at IS NULL AND to_tsvector('simple', left(m.content, 100000)) @@ query THEN
            ids := ids || m.id;
        END IF;
        last_id := m.id;
        row_count := row_count + 1;
        byte_count := byte_count + octet_length(m.content);
    END LOOP;
END
$$;

-- A new channel with its owner and members; `members` then has all of them. No id: `unknown_user`
-- is nobody's id, or else the name is taken. Nothing has been written then.
CREATE FUNCTION chat_create_channel(new_name text, private boolean, creator bigint, people bigint[],
                                    OUT id bigint, OUT unknown_user bigint, OUT members bigint[])
LANGUAGE plpgsql AS $$
BEGIN
    SELECT p INTO unknown_user FROM unnest(people) AS p
     WHERE NOT EXISTS (SELECT FROM auth_user u WHERE u.id = p) ORDER BY p LIMIT 1;
    IF unknown_user IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO chat_channel (name, is_private, created_by) VALUES (new_name, private, creator)
        ON CONFLICT (name) DO NOTHING RETURNING chat_channel.id INTO id;
    IF id IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO chat_membership (channel_id, user_id, role)
    SELECT chat_create_channel.id, p, CASE p WHEN creator THEN 'owner' ELSE 'member' END
      FROM (SELECT creator UNION SELECT unnest(people)) AS everybody (p);
    members := ARRAY(SELECT m.user_id FROM chat_membership m
                      WHERE m.channel_id = chat_create_channel.id ORDER BY m.user_id);
END
$$;

-- Let somebody into a channel (is_in), or take the right away. Gives 0 when it is so now; 1 there
-- is no such channel; 2 the actor is neither staff nor the channel's owner, or the channel is a
-- direct one; 3 there is no such person.
CREATE FUNCTION chat_set_member(channel bigint, actor bigint, actor_is_staff boolean,
                                person bigint, is_in boolean)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    channel_kind text;
BEGIN
    SELECT c.kind INTO channel_kind FROM chat_channel c WHERE c.id = channel;
    IF NOT FOUND THEN
        RETURN 1;
    END IF;
    IF channel_kind = 'direct' OR NOT (actor_is_staff OR EXISTS (
        SELECT FROM chat_membership m
         WHERE m.channel_id = channel AND m.user_id = actor AND m.role = 'owner')) THEN
        RETURN 2;
    END IF;
    IF NOT EXISTS (SELECT FROM auth_user u WHERE u.id = person) THEN
        RETURN 3;
    END IF;
    IF is_in THEN
        INSERT INTO chat_membership (channel_id, user_id) VALUES (channel, person)
            ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM chat_membership m WHERE m.channel_id = channel AND m.user_id = person;
    END IF;
    RETURN 0;
END
$$;
