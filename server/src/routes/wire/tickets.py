"""A ticket of an event stream, as its maker gets it."""

from typing import Literal

from pydantic import BaseModel, Field

from src.services.identity.ticket_store import TICKET_LIFETIME_S


class TicketAnswer(BaseModel):
    """A ticket, told this once."""

    ticket: str = Field(
        description="For `?ticket=` of one stream.", examples=["Zm9yX29uZV9zdHJlYW0tb25jZS1vbi1hbnktc2VydmVy"]
    )
    expires_in_s: Literal[30] = Field(default=TICKET_LIFETIME_S, description="How long it is good, seconds.")
