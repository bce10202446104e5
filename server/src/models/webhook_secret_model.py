"""The `webhook_secrets` table: what signs the callbacks of named accounts, encrypted with SECRETS_KEY."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.models.base import Base


class WebhookSecretModel(Base):
    """A secret of an account, with the Ed25519 key that was made with it. One of an account has no end."""

    __tablename__ = "webhook_secrets"

    #: Grows: the newest is the one with the greatest.
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account: Mapped[str] = mapped_column(String(ACCOUNT_LENGTH_MAX), ForeignKey("accounts.name", ondelete="CASCADE"))
    #: 32 bytes of secret and 32 of private key.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    #: The id of the key in SECRETS_KEY that decrypts it.
    sealed_with: Mapped[str] = mapped_column(String(16))
    #: Of the Ed25519 key.
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: The random name under which the public keys of the account are published; the same for all of its rows.
    key_set: Mapped[str] = mapped_column(String(22))
    created_at: Mapped[datetime]
    #: Until when it signs; null: until it is rotated.
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_webhook_secrets_account", "account"),
        Index("ix_webhook_secrets_key_set", "key_set"),
        Index("ix_webhook_secrets_current", "account", unique=True, postgresql_where=text("expires_at IS NULL")),
    )
