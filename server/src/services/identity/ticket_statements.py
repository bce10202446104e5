"""The statements on tickets of event streams, by name: what `TicketStore` runs. Each is one transaction."""

# Expired ones go in small numbers with each new one, whoever made them, without waiting for who removes the same.
ISSUE_TICKET = """
WITH expired AS (
    DELETE FROM stream_tickets WHERE sha256 IN (
        SELECT sha256 FROM stream_tickets WHERE expires_at <= now() ORDER BY expires_at LIMIT $7 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO stream_tickets (sha256, account, key_id, scopes, credential_expires_at, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + $6)
"""

# The row lock decides between several that present the same ticket.
REDEEM_TICKET = """
DELETE FROM stream_tickets WHERE sha256 = $1 AND expires_at > now()
RETURNING account, key_id, scopes, credential_expires_at
"""
