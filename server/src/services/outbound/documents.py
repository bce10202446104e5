"""Fetches documents from the operator's own addresses, which are in the settings; callers name no part of them."""

import ssl

import httpx

#: Seconds that a document may take in all parts: connecting, writing, each read.
DOCUMENT_TIMEOUT_S = 5.0
DOCUMENT_BYTES_MAX = 64 * 1024


class NoDocument(Exception):
    """It could not be fetched; a clause that says why."""


async def fetch_document(url: str, tls: ssl.SSLContext) -> bytes:
    """Fetch a document: no redirects, no proxies of the environment, at most `DOCUMENT_BYTES_MAX`.

    Raises:
        NoDocument: there was none.
    """
    try:
        async with (
            httpx.AsyncClient(verify=tls, timeout=DOCUMENT_TIMEOUT_S, trust_env=False) as client,
            client.stream("GET", url, headers={"accept": "application/json"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise NoDocument(f"it answered {response.status_code}")
            document = b""
            async for part in response.aiter_bytes():
                document += part
                if len(document) > DOCUMENT_BYTES_MAX:
                    raise NoDocument(f"it is longer than {DOCUMENT_BYTES_MAX:,} bytes")
            return document
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NoDocument(f"{type(error).__name__}") from None
