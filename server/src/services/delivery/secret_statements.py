"""The statements on webhook secrets, by name: what `WebhookSecretStore` runs. Each is one transaction."""

# Of two servers one creates it, and both use that one. Not where something stored cannot be decrypted by this server:
# then others could not decrypt this either. Nor for an account that is gone.
CREATE_FIRST = """
INSERT INTO webhook_secrets (account, sealed, sealed_with, public_key, key_set, created_at)
SELECT name, $2, ($3::text[])[1], $4, $5, $6 FROM accounts
WHERE name = $1 AND NOT EXISTS (SELECT FROM webhook_secrets WHERE sealed_with <> ALL($3))
ON CONFLICT (account) WHERE expires_at IS NULL DO NOTHING RETURNING id
"""

# Those that sign, newest first.
ALIVE = """
SELECT account, sealed, public_key, key_set, created_at, expires_at FROM webhook_secrets
WHERE account = ANY($1) AND (expires_at IS NULL OR expires_at > $2) ORDER BY account, id DESC
"""

ACCOUNTS_WITHOUT = """
SELECT name FROM accounts a
WHERE NOT EXISTS (SELECT FROM webhook_secrets w WHERE w.account = a.name AND w.expires_at IS NULL) LIMIT $1
"""

# The old one gets its end and the new one is made in one statement, so that there is always one without an end. Of two
# rotations at once one finds no row, because the other has changed it, and counts again. What has ended is removed.
ROTATE = """
WITH ended AS (
    DELETE FROM webhook_secrets WHERE account = $1 AND expires_at <= $5
), old AS (
    UPDATE webhook_secrets SET expires_at = $6
    WHERE account = $1 AND expires_at IS NULL AND $7 > (
        SELECT count(*) FROM webhook_secrets WHERE account = $1 AND (expires_at IS NULL OR expires_at > $5)
    )
    RETURNING account, key_set
)
INSERT INTO webhook_secrets (account, sealed, sealed_with, public_key, key_set, created_at)
SELECT account, $2, $3, $4, key_set, $5 FROM old
RETURNING account, sealed, public_key, key_set, created_at, expires_at
"""

PUBLIC_KEYS = """
SELECT public_key FROM webhook_secrets
WHERE key_set = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY id DESC
"""

ANY_SEALED_OTHERWISE = "SELECT EXISTS (SELECT FROM webhook_secrets WHERE sealed_with <> ALL($1))"

SEALED_OTHERWISE = """
SELECT id, account, sealed FROM webhook_secrets WHERE sealed_with <> $1 AND id > $2 ORDER BY id LIMIT $3
"""

# One that was removed meanwhile stays away.
SEAL_AGAIN = """
UPDATE webhook_secrets w SET sealed = n.sealed, sealed_with = $1
FROM unnest($2::bigint[], $3::bytea[]) AS n (id, sealed) WHERE w.id = n.id
"""
