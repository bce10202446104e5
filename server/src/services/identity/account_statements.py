"""The statements on accounts, by name: what `AccountStore` runs. Each is one transaction."""

ANY_ACCOUNT = "SELECT EXISTS (SELECT FROM accounts)"

# Without a key: the operator's is in the settings.
ENSURE_ACCOUNT = "INSERT INTO accounts (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"

GET_ACCOUNT = """
SELECT name, created_at, disabled_at, rate_limit_sync, rate_limit_async, max_pending FROM accounts WHERE name = $1
"""

ACCOUNTS_AFTER = """
SELECT name, created_at, disabled_at, rate_limit_sync, rate_limit_async, max_pending
FROM accounts WHERE name > $1 ORDER BY name LIMIT $2
"""

# In one statement, so that of two changes at once neither undoes what it does not name. Disabling again is fine, and
# keeps the first moment.
SET_ACCOUNT = """
UPDATE accounts SET
    rate_limit_sync = CASE WHEN 'rate_limit_sync' = ANY($2::text[]) THEN $3 ELSE rate_limit_sync END,
    rate_limit_async = CASE WHEN 'rate_limit_async' = ANY($2) THEN $4 ELSE rate_limit_async END,
    max_pending = CASE WHEN 'max_pending' = ANY($2) THEN $5 ELSE max_pending END,
    disabled_at = CASE WHEN 'disabled' <> ALL($2) THEN disabled_at WHEN $6 THEN coalesce(disabled_at, $7) END
WHERE name = $1
RETURNING name, created_at, disabled_at, rate_limit_sync, rate_limit_async, max_pending
"""
