"""A client for servers on this machine."""

import httpx

#: Without certificate authorities, whose loading takes longer than most requests, and without connections that a
#: killed server would leave to the next one on its port.
local_http = httpx.Client(
    verify=False, trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
)
