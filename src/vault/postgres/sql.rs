//! What is said to the server.

/// For each connection. A commit is on the disk when the server says so, even where its default is otherwise; a
/// stricter setting stays.
pub(super) const SESSION: &str = "
SET statement_timeout = '30s';
SET idle_in_transaction_session_timeout = '10min';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
";

/// The version of the tables.
pub(super) const FORMAT: i64 = 1;

/// Makes the tables; members that do it at once wait for each other. The number of the lock is any.
pub(super) const INIT: &str = "
SELECT pg_advisory_xact_lock(8217355120463611);
CREATE TABLE IF NOT EXISTS scrubjay_vault (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    format bigint NOT NULL,
    erasures bigint NOT NULL DEFAULT 0,
    ring bigint
);
CREATE TABLE IF NOT EXISTS scrubjay_token (
    id bytea PRIMARY KEY CHECK (length(id) = 16),
    tag bytea UNIQUE CHECK (length(tag) = 32),
    kind text NOT NULL,
    tenant text NOT NULL,
    key_version bigint NOT NULL,
    created_ms bigint NOT NULL,
    seen_day bigint NOT NULL,
    expires_day bigint NOT NULL,
    nonce bytea NOT NULL,
    sealed bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS scrubjay_token_expires ON scrubjay_token (expires_day) WHERE expires_day <> 0;
INSERT INTO scrubjay_vault (format) VALUES (1) ON CONFLICT DO NOTHING;
";

/// The version of the tables, how often something was erased, and the server's time.
pub(super) const STATE: &str =
    "SELECT format, erasures, (extract(epoch FROM now()) * 1000)::bigint FROM scrubjay_vault";

/// Which ring it is of: the first to open it says so.
pub(super) const RING: &str = "
WITH first AS (UPDATE scrubjay_vault SET ring = $1 WHERE ring IS NULL RETURNING ring)
SELECT ring FROM first UNION ALL SELECT ring FROM scrubjay_vault WHERE ring IS NOT NULL";

/// One round trip for a batch: a token for each tag, the one there is or a new one. Sorted by tag, so that members who
/// insert the same ones never wait for each other in a circle. A row that is there is locked, and written only on the
/// first time a day. A row that another member has committed since this command began is in neither part; it is asked
/// for again.
pub(super) const TOKENIZE: &str = "
WITH asked AS (
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[])
        AS a (tag, id, kind, tenant, key_version, created_ms, nonce, sealed)
), put AS (
    INSERT INTO scrubjay_token AS t
        (tag, id, kind, tenant, key_version, created_ms, seen_day, expires_day, nonce, sealed)
    SELECT tag, id, kind, tenant, key_version, created_ms, $9::bigint, $10::bigint, nonce, sealed FROM asked ORDER BY tag
    ON CONFLICT (tag) DO UPDATE SET
        seen_day = excluded.seen_day,
        expires_day = CASE WHEN t.expires_day = 0 OR excluded.expires_day = 0 THEN 0
                           ELSE greatest(t.expires_day, excluded.expires_day) END
        WHERE t.seen_day < excluded.seen_day
    RETURNING t.tag, t.id
)
SELECT tag, id FROM put
UNION ALL
SELECT t.tag, t.id FROM scrubjay_token t JOIN asked USING (tag)
    WHERE NOT EXISTS (SELECT FROM put WHERE put.tag = t.tag)";

/// Columns in the order of `row_of`.
macro_rules! columns {
    () => {
        "id, tag, kind, tenant, key_version, created_ms, seen_day, expires_day, nonce, sealed"
    };
}

pub(super) const OPEN: &str = concat!("SELECT ", columns!(), " FROM scrubjay_token WHERE id = $1");

/// Erases, and lets every member know.
pub(super) const DELETE: &str = "
WITH gone AS (DELETE FROM scrubjay_token WHERE id = $1 RETURNING id),
     told AS (UPDATE scrubjay_vault SET erasures = erasures + 1 WHERE EXISTS (SELECT FROM gone))
SELECT count(*) FROM gone";

/// The condition stands twice: a row that was seen between is judged again under its lock, and stays.
pub(super) const EXPIRE: &str = "
DELETE FROM scrubjay_token
WHERE expires_day <> 0 AND expires_day <= $1
  AND id = ANY (ARRAY(SELECT id FROM scrubjay_token WHERE expires_day <> 0 AND expires_day <= $1 LIMIT $2))";

pub(super) const TO_REWRAP: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM scrubjay_token WHERE key_version = $1 AND id > $2 ORDER BY id LIMIT $3"
);

/// The tag is taken over unless another token has it by now: that one stays the tag's, and this one opens without.
pub(super) const REWRAP: &str = "
UPDATE scrubjay_token t SET key_version = a.key_version, nonce = a.nonce, sealed = a.sealed,
    tag = CASE WHEN t.tag IS NULL OR EXISTS (SELECT FROM scrubjay_token o WHERE o.tag = a.tag AND o.id <> t.id) THEN NULL
               ELSE a.tag END
FROM (SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[])
          AS u (id, tag, nonce, sealed), (SELECT $5::bigint AS key_version) v) a
WHERE t.id = a.id AND t.key_version = $6";

pub(super) const COUNTS: &str = "
SELECT kind, key_version, count(*), count(*) FILTER (WHERE expires_day <> 0 AND expires_day <= $1), max(created_ms)
FROM scrubjay_token GROUP BY 1, 2";

pub(super) const BYTES: &str =
    "SELECT pg_total_relation_size('scrubjay_token') + pg_total_relation_size('scrubjay_vault')";

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM scrubjay_token ORDER BY id");

pub(super) const LOCK: &str = "LOCK TABLE scrubjay_token IN EXCLUSIVE MODE";

pub(super) const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM scrubjay_token)";

pub(super) const PUT: &str = "
INSERT INTO scrubjay_token (id, tag, kind, tenant, key_version, created_ms, seen_day, expires_day, nonce, sealed)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bytea[], $10::bytea[])";
