"""What is asked and answered about webhook secrets."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from src.services.identity.key_store import OVERLAP_HOURS_MAX


class RotateSecretRequest(BaseModel):
    """How a secret is replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: int = Field(
        default=24, ge=0, le=OVERLAP_HOURS_MAX, strict=True, description="For how long the old secret signs as well."
    )


class WebhookSecretItem(BaseModel):
    """A secret that signs callbacks."""

    model_config = ConfigDict(from_attributes=True)

    secret: str = Field(description="The secret itself.", examples=["whsec_…"])
    created_at: datetime
    expires_at: datetime | None = Field(description="Until when it signs; null: until it is rotated.")


class WebhookSecretList(BaseModel):
    """The secrets that sign, newest first."""

    secrets: list[WebhookSecretItem]
    public_keys_url: str = Field(description="Where the public keys of your `v1a` signatures are.")


class Jwk(BaseModel):
    """An Ed25519 public key (RFC 8037)."""

    kty: str = Field(description="The kind of key.", examples=["OKP"])
    crv: str = Field(description="The curve.", examples=["Ed25519"])
    x: str = Field(description="The 32 bytes of the key in base64url.")
    kid: str = Field(description="The thumbprint of the key (RFC 7638).")
    alg: str = Field(description="What it verifies.", examples=["EdDSA"])
    use: str = Field(description="What it is for: signatures.", examples=["sig"])


class JwkSet(BaseModel):
    """A JWK set (RFC 7517, section 5), newest key first."""

    keys: list[Jwk]
