"""The statements on keys, by name: what `KeyStore` runs. Each is one transaction."""

# An account is created by its first key.
INSERT_KEY = """
WITH account AS (
    INSERT INTO accounts (name, created_at) VALUES ($2, $6) ON CONFLICT DO NOTHING
)
INSERT INTO api_keys (id, account, name, sha256, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id, account, name, scopes, created_at, expires_at, revoked_at, replaced_by, last_used_at
"""

GET_KEY = """
SELECT id, account, name, scopes, created_at, expires_at, revoked_at, replaced_by, last_used_at
FROM api_keys WHERE id = $1
"""

KEYS_AFTER = """
SELECT id, account, name, scopes, created_at, expires_at, revoked_at, replaced_by, last_used_at
FROM api_keys WHERE ($1::text IS NULL OR account = $1) AND (account, id) > ($2, $3) ORDER BY account, id LIMIT $4
"""

# The old key is changed and the new one made in one statement, so that there is never a successor without an end of
# the old one. The old one ends at its own end where that comes first.
ROTATE_KEY = """
WITH old AS (
    UPDATE api_keys SET replaced_by = $2, expires_at = least(expires_at, $5)
    WHERE id = $1 AND revoked_at IS NULL AND replaced_by IS NULL AND (expires_at IS NULL OR expires_at > $4)
    RETURNING account, name, scopes
)
INSERT INTO api_keys (id, account, name, sha256, scopes, created_at, expires_at)
SELECT $2, account, name, $3, scopes, $4, $6 FROM old
RETURNING id, account, name, scopes, created_at, expires_at, revoked_at, replaced_by, last_used_at
"""

# Those that ended long ago do not count, or an account could not rotate any more one day.
COUNT_KEYS = """
SELECT count(*) FROM api_keys
WHERE account = $1 AND (created_at > $3 OR (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)))
"""

# Again is fine, and keeps the first moment.
REVOKE_KEY = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING id"

# What recognises keys, and the limits of their accounts. One that is not in the answer does not exist.
STORED_KEYS = """
SELECT k.id, k.account, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.replaced_by, k.last_used_at,
       k.sha256, a.disabled_at IS NOT NULL AS account_disabled, a.rate_limit_sync, a.rate_limit_async, a.max_pending
FROM api_keys k JOIN accounts a ON a.name = k.account WHERE k.id = ANY($1)
"""

# Servers write it one after the other, each for itself. Without waiting for a change of the key, which tells more.
KEYS_USED = """
UPDATE api_keys SET last_used_at = $2
WHERE id IN (
    SELECT id FROM api_keys WHERE id = ANY($1) AND (last_used_at IS NULL OR last_used_at < $2)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
"""
