"""Everything that a peer may send, and the limit that stops it.

| bytes | stopped by | with |
| --- | --- | --- |
| none, on a new connection | `HEAD_WITHIN_S` | closed |
| none, after an answer | `KEEP_ALIVE_SECONDS` | closed |
| blank lines before a request line | `HEAD_BYTES_MAX`; they are no request, so no deadline begins anew | 431 |
| request line, header fields | `HEAD_BYTES_MAX`, `HEAD_WITHIN_S` | 431, 408 |
| body | the app's limit; until it reads, reading pauses at 64 KiB; `BODY_WITHIN_S` | 413, 408 |
| body after the answer | `DISCARDED_BYTES_MAX`, `BODY_WITHIN_S` | closed |
| chunk lines, their extensions, ends of chunks | `FRAMING_BYTES_MAX` and `FRAMING_BYTES_A_BODY_BYTE` | 431 |
| trailer fields (never headers: RFC 9110, 6.5.1) | `HEAD_BYTES_MAX`, each and together, and as chunk lines | 431 |
| trailer fields that would say how messages end | none may come (`NOT_IN_TRAILERS`) | 400 |
| further requests before the answer | reading pauses at the first; what was read already waits | their turn |
| bytes after a refusal or a last answer | `LINGER_BYTES_MAX`, `LINGER_WITHIN_S`, unparsed | closed |
| bytes between an upgrade and its answer | none may come (RFC 6455, 4.1) | closed |
| WebSocket messages | `ws_max_size`, 64 KiB with all its fragments, unpacked | close 1009 |
| fragments of one message, empty ones too | `FRAGMENTS_MAX` | close 1008 |
| frames: pings, pongs, messages, fragments | `FRAMES_MAX` within `FRAMES_WITHIN_S` | close 1008 |
| no pong | uvicorn's `ws_ping_interval` and `ws_ping_timeout`, 20 s each | closed |
| connections | `CONNECTIONS_OF_ONE_ADDRESS_MAX`, WebSockets too; IPv6 by /64 | closed |

What a peer does not take is stopped by `PROGRESS_WITHIN_S`, in every state, until the connection is gone.
"""

HEAD_BYTES_MAX = 16 * 1024
#: From the connection, or the first byte of a further request, to the end of the head.
HEAD_WITHIN_S = 10.0
#: From the end of the head to the end of the body.
BODY_WITHIN_S = 30.0
#: Without a byte taken by a peer that is owed some.
PROGRESS_WITHIN_S = 60.0
#: From the request to the answer of an upgrade.
UPGRADE_WITHIN_S = 10.0

#: Of a body that comes after its answer.
DISCARDED_BYTES_MAX = 256 * 1024
#: What a chunked body may have around its bytes: 16 KiB, and for each byte as much as a chunk of its own takes.
FRAMING_BYTES_MAX = HEAD_BYTES_MAX
FRAMING_BYTES_A_BODY_BYTE = 6

#: Before a connection is closed whose peer may still be sending, so that it gets to read the answer (RFC 9112, 9.6).
LINGER_WITHIN_S = 2.0
LINGER_BYTES_MAX = 1024 * 1024
#: For a request that has begun to come when the server is stopped.
STOPPING_WITHIN_S = 1.0

CONNECTIONS_OF_ONE_ADDRESS_MAX = 256

#: A watcher has nothing to say but pongs.
FRAMES_MAX = 200
FRAMES_WITHIN_S = 10.0
FRAGMENTS_MAX = 1_024

#: What the parser is given at once. Limits are looked at in between, so they are exact to this.
PIECE_BYTES = 4_096
