-- SPDX-License-Identifier: MIT
-- The brokers' places in the input streams, and the one statement that moves them together with
-- the effects of the entries up to there.

-- Few rows, each updated with every batch: nearly empty pages keep the updates heap-only.
CREATE TABLE broker_partition (
    partition integer PRIMARY KEY,
    fence bigint NOT NULL,
    last_entry_ms bigint NOT NULL DEFAULT 0,
    last_entry_seq bigint NOT NULL DEFAULT 0,
    redeliver_from bigint NOT NULL DEFAULT 0,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    owner text NOT NULL
) WITH (fillfactor = 10);

-- Everything or nothing. Arrays of one group run in parallel: positions (p_), channels (c_),
-- messages (m_). KB001: a fence was raised or a last_seq moved by somebody else, or the position
-- is not where this batch begins, because the batch before it failed: it must not be passed over.
-- Fences are checked first, because they say who may write at all; their row locks also make a
-- claim wait for this commit, or this commit for the claim.
CREATE FUNCTION broker_commit(
    p_partition integer[], p_fence bigint[], p_expected_ms bigint[], p_expected_seq bigint[],
    p_ms bigint[], p_seq bigint[], p_redeliver bigint[],
    c_id bigint[], c_expected bigint[], c_next bigint[],
    m_id bigint[], m_channel bigint[], m_seq bigint[], m_author bigint[], m_created timestamptz[],
    m_reply bigint[], m_partition integer[], m_ms bigint[], m_entry_seq bigint[],
    m_index integer[], m_content text[], m_client text[])
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
    IF cardinality(m_id) > 0 THEN
        INSERT INTO chat_message (id, channel_id, seq, author_id, created_at, reply_to,
                                  entry_partition, entry_ms, entry_seq, entry_index,
                                  content, client_id)
        SELECT * FROM unnest(m_id, m_channel, m_seq, m_author, m_created, m_reply,
                             m_partition, m_ms, m_entry_seq, m_index, m_content, m_client);
    END IF;
END
$$;
