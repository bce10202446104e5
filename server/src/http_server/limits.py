"""Limits on everything a peer may send.

| what the peer sends | limit | when exceeded |
| --- | --- | --- |
| nothing, on a new connection | `HEAD_TIMEOUT_S` | closed |
| nothing, after a response | `KEEP_ALIVE_SECONDS` | closed |
| blank lines before a request line | `HEAD_BYTES_MAX`; they start no request, so they restart no deadline | 431 |
| request line, header fields | `HEAD_BYTES_MAX`, `HEAD_TIMEOUT_S` | 431, 408 |
| body | the app's limit; reading pauses at 64 KiB until the app reads; `BODY_TIMEOUT_S` | 413, 408 |
| body after the response | `DISCARDED_BYTES_MAX`, `BODY_TIMEOUT_S` | closed |
| chunk lines, chunk extensions, chunk ends | `FRAMING_BYTES_MAX` and `FRAMING_BYTES_PER_BODY_BYTE` | 431 |
| trailer fields (never headers: RFC 9110, 6.5.1) | `HEAD_BYTES_MAX`, each and in total; also as chunk lines | 431 |
| trailer fields that control message framing | none allowed (`NOT_IN_TRAILERS`) | 400 |
| pipelined requests | reading pauses at the first; bytes already read are held back | processed in turn |
| bytes after a refusal or a final response | `LINGER_BYTES_MAX`, `LINGER_TIMEOUT_S`, unparsed | closed |
| bytes between an upgrade and its response | none allowed (RFC 6455, 4.1) | closed |
| WebSocket messages | `ws_max_size`, 64 KiB including all fragments, decompressed | close 1009 |
| fragments of one message, including empty ones | `FRAGMENTS_MAX` | close 1008 |
| frames: pings, pongs, messages, fragments | `FRAMES_MAX` within `FRAMES_WINDOW_S` | close 1008 |
| no pong | uvicorn's `ws_ping_interval` and `ws_ping_timeout`, 20 s each | closed |
| connections | `CONNECTIONS_PER_ADDRESS_MAX`, including WebSockets; IPv6 counts by /64 | closed |

A peer that does not read is subject to `WRITE_TIMEOUT_S`, in every state, until the connection is gone. While a
WebSocket is open its pings, which time out sooner, watch over what the kernel has buffered.
"""

#: Bytes of a request's head: request line and header fields.
HEAD_BYTES_MAX = 16 * 1024
#: Seconds from the connection, or from the first byte of a later request, to the end of the head.
HEAD_TIMEOUT_S = 10.0
#: Seconds from the end of the head to the end of the body.
BODY_TIMEOUT_S = 30.0
#: Seconds without write progress while data for the peer is pending.
WRITE_TIMEOUT_S = 60.0
#: Seconds from an upgrade request to its response.
UPGRADE_TIMEOUT_S = 10.0

#: Bytes of a body that arrive after its response.
DISCARDED_BYTES_MAX = 256 * 1024
#: Bytes of chunked framing: 16 KiB, plus for each body byte what a chunk of its own would take.
FRAMING_BYTES_MAX = HEAD_BYTES_MAX
FRAMING_BYTES_PER_BODY_BYTE = 6

#: Lingering close of a connection whose peer may still be sending, in seconds and bytes, so that the peer gets to read
#: the response (RFC 9112, 9.6).
LINGER_TIMEOUT_S = 2.0
LINGER_BYTES_MAX = 1024 * 1024
#: Seconds for a partially received request to complete during shutdown.
SHUTDOWN_TIMEOUT_S = 1.0

CONNECTIONS_PER_ADDRESS_MAX = 256

#: Frames per window, in seconds. A client of the event stream has nothing to send but pongs.
FRAMES_MAX = 200
FRAMES_WINDOW_S = 10.0
FRAGMENTS_MAX = 1_024

#: Bytes fed to the parser at once. Limits are checked in between, so they are accurate to this many bytes.
PARSE_BYTES_MAX = 4_096
