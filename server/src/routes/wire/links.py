"""What is asked and answered about links to reports."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from src.services.report_files.links import LINK_SECONDS_MAX


class LinkRequest(BaseModel):
    """For how long a link is good."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"expires_in_s": 3600}]})

    expires_in_s: int = Field(
        default=3_600, ge=1, le=LINK_SECONDS_MAX, strict=True, description="Seconds, up to a week."
    )


class LinkAnswer(BaseModel):
    """A link that is good without credentials."""

    url: str = Field(description="The link.")
    expires_at: datetime = Field(description="When it ends.")
