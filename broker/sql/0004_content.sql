-- SPDX-License-Identifier: MIT
-- Everything that changes a channel besides new messages, what people have read, and the commit
-- that knows them.

-- One row for each content frame that is no new message: 1 edit, 2 deletion, 3 relayed batch. With
-- chat_message it makes the whole of a channel's seq. An edit keeps the text that it replaced, so
-- that a client that comes back is told what happened in the order in which it did; a deletion
-- empties all texts of its message, here, too.
CREATE TABLE chat_event (
    channel_id bigint NOT NULL,
    seq bigint NOT NULL,
    id bigint NOT NULL, -- from chat_message_id_seq
    user_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    message_id bigint,
    entry_partition integer NOT NULL,
    entry_index integer NOT NULL,
    kind integer NOT NULL CHECK (kind IN (1, 2, 3)),
    content text NOT NULL,
    old_content text NOT NULL,
    PRIMARY KEY (channel_id, seq)
);
CREATE INDEX chat_event_id ON chat_event (id);
CREATE INDEX chat_event_message ON chat_event (channel_id, message_id)
    WHERE message_id IS NOT NULL;

-- How far each person has read; updated in place.
CREATE TABLE chat_read (
    channel_id bigint NOT NULL,
    user_id bigint NOT NULL,
    message_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (channel_id, user_id)
) WITH (fillfactor = 70);

DROP FUNCTION broker_commit;

-- As in 0003, and: m_kind (0 message, else as in chat_event), m_target the message that an event
-- is about, m_events how many rows are no messages; f_ how far people have read, of which only
-- what is further than before counts.
CREATE FUNCTION broker_commit(
    p_partition integer[], p_fence bigint[], p_expected_ms bigint[], p_expected_seq bigint[],
    p_ms bigint[], p_seq bigint[], p_redeliver bigint[],
    c_id bigint[], c_expected bigint[], c_next bigint[],
    m_kind integer[], m_id bigint[], m_channel bigint[], m_seq bigint[], m_author bigint[],
    m_created timestamptz[], m_reply bigint[], m_target bigint[],
    m_partition integer[], m_ms bigint[], m_entry_seq bigint[], m_index integer[],
    m_content text[], m_client text[],
    f_channel bigint[], f_user bigint[], f_message bigint[], f_at timestamptz[],
    m_events bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    hits bigint;
BEGIN
    UPDATE broker_partition b
       SET last_entry_ms = u.ms, last_entry_seq = u.seq, redeliver_from = u.redeliver
      FROM unnest(p_partition, p_fence, p_expected_ms, p_expected_seq, p_ms, p_seq, p_redeliver)
           AS u (partition, fence, expected_ms, expected_seq, ms, seq, redeliver)
     WHERE b.partition = u.partition AND b.fence = u.fence
       AND b.last_entry_ms = u.expected_ms AND b.last_entry_seq = u.expected_seq;
    GET DIAGNOSTICS hits = ROW_COUNT;
    IF hits <> cardinality(p_partition) THEN
        RAISE EXCEPTION 'fence or position does not match' USING ERRCODE = 'KB001';
    END IF;
    IF cardinality(c_id) > 0 THEN
        UPDATE chat_channel c
           SET last_seq = u.next
          FROM unnest(c_id, c_expected, c_next) AS u (id, expected, next)
         WHERE c.id = u.id AND c.last_seq = u.expected;
        GET DIAGNOSTICS hits = ROW_COUNT;
        IF hits <> cardinality(c_id) THEN
            RAISE EXCEPTION 'last_seq does not match' USING ERRCODE = 'KB001';
        END IF;
    END IF;
    IF cardinality(m_id) > m_events THEN
        INSERT INTO chat_message (id, channel_id, seq, author_id, created_at, reply_to,
                                  entry_partition, entry_ms, entry_seq, entry_index,
                                  content, client_id)
        SELECT u.id, u.channel, u.seq, u.author, u.created, u.reply,
               u.partition, u.ms, u.entry_seq, u.index, u.content, u.client
          FROM unnest(m_kind, m_id, m_channel, m_seq, m_author, m_created, m_reply,
                      m_partition, m_ms, m_entry_seq, m_index, m_content, m_client)
               AS u (kind, id, channel, seq, author, created, reply,
                     partition, ms, entry_seq, index, content, client)
         WHERE u.kind = 0;
    END IF;
    IF m_events > 0 THEN
        PERFORM broker_commit_events(m_kind, m_id, m_channel, m_seq, m_author, m_created, m_target,
                                     m_partition, m_ms, m_entry_seq, m_index, m_content);
    END IF;
    IF cardinality(f_channel) > 0 THEN
        INSERT INTO chat_read AS r (channel_id, user_id, message_id, read_at)
        SELECT DISTINCT ON (u.channel, u.person) u.channel, u.person, u.message, u.at
          FROM unnest(f_channel, f_user, f_message, f_at) AS u (channel, person, message, at)
         ORDER BY u.channel, u.person, u.message DESC
            ON CONFLICT (channel_id, user_id) DO UPDATE
           SET message_id = excluded.message_id, read_at = excluded.read_at
         WHERE r.message_id < excluded.message_id;
    END IF;
END
$$;

-- The events of a batch and what they do to their messages. All of a batch see the text that
-- their message had before it; the last edit stays, a deletion wins.
CREATE FUNCTION broker_commit_events(
    m_kind integer[], m_id bigint[], m_channel bigint[], m_seq bigint[], m_author bigint[],
    m_created timestamptz[], m_target bigint[],
    m_partition integer[], m_ms bigint[], m_entry_seq bigint[], m_index integer[],
    m_content text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_event (id, channel_id, seq, user_id, created_at, message_id,
                            entry_partition, entry_ms, entry_seq, entry_index,
                            kind, content, old_content)
    SELECT u.id, u.channel, u.seq, u.author, u.created, nullif(u.target, 0),
           u.partition, u.ms, u.entry_seq, u.index, u.kind, u.content,
           CASE u.kind WHEN 1 THEN coalesce(m.content, '') ELSE '' END
      FROM unnest(m_kind, m_id, m_channel, m_seq, m_author, m_created, m_target,
                  m_partition, m_ms, m_entry_seq, m_index, m_content)
           AS u (kind, id, channel, seq, author, created, target,
                 partition, ms, entry_seq, index, content)
      LEFT JOIN chat_message m ON m.channel_id = u.channel AND m.id = u.target
     WHERE u.kind > 0;
    UPDATE chat_message m
       SET content = e.content, edited_at = e.created
      FROM (SELECT DISTINCT ON (u.channel, u.target) u.channel, u.target, u.created, u.content
              FROM unnest(m_kind, m_channel, m_seq, m_created, m_target, m_content)
                   AS u (kind, channel, seq, created, target, content)
             WHERE u.kind = 1
             ORDER BY u.channel, u.target, u.seq DESC) e
     WHERE m.channel_id = e.channel AND m.id = e.target AND m.deleted_at IS NULL;
    UPDATE chat_message m
       SET content = '', deleted_at = u.created
      FROM unnest(m_kind, m_channel, m_created, m_target) AS u (kind, channel, created, target)
     WHERE u.kind = 2 AND m.channel_id = u.channel AND m.id = u.target AND m.deleted_at IS NULL;
    UPDATE chat_event e
       SET content = '', old_content = ''
      FROM unnest(m_kind, m_channel, m_target) AS u (kind, channel, target)
     WHERE u.kind = 2 AND e.channel_id = u.channel AND e.message_id = u.target;
END
$$;

-- The text with which a message was first shown: what its first edit replaced.
CREATE FUNCTION chat_first_content(channel bigint, message bigint, present text)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT e.old_content FROM chat_event e
                      WHERE e.channel_id = channel AND e.message_id = message AND e.kind = 1
                      ORDER BY e.seq LIMIT 1), present)
$$;
