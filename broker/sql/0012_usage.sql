-- SPDX-License-Identifier: MIT
-- How the system was used, every five minutes for a week, for the dashboard.

CREATE TABLE usage_history (
    at timestamptz PRIMARY KEY,
    connections bigint NOT NULL,
    created bigint NOT NULL,
    closed bigint NOT NULL,
    errors bigint NOT NULL,
    messages_per_second double precision NOT NULL,
    p50_ms double precision NOT NULL,
    p95_ms double precision NOT NULL,
    p99_ms double precision NOT NULL
);

-- A point, once; what is older than keep_s goes.
CREATE FUNCTION usage_put(a_at timestamptz, a_connections bigint, a_created bigint, a_closed bigint,
                          a_errors bigint, rate double precision, a_p50 double precision,
                          a_p95 double precision, a_p99 double precision, keep_s bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_history (at, connections, created, closed, errors, messages_per_second,
                               p50_ms, p95_ms, p99_ms)
    VALUES (a_at, a_connections, a_created, a_closed, a_errors, rate, a_p50, a_p95, a_p99)
        ON CONFLICT DO NOTHING;
    DELETE FROM usage_history WHERE at < a_at - keep_s * interval '1 second';
$$;
