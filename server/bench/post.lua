-- For wrk: POSTs a JSON body with an idempotency key that is new for each request, and prints what came of it.
-- Arguments: path, body, what idempotency keys begin with, and an API key, if there is one.

local path, body, prefix
local sent = 0
local headers = { ["Content-Type"] = "application/json" }

function init(arguments)
  path, body, prefix = arguments[1], arguments[2], arguments[3]
  if arguments[4] then headers["Authorization"] = "Bearer " .. arguments[4] end
end

function request()
  sent = sent + 1
  headers["X-Idempotency-Key"] = prefix .. sent
  return wrk.format("POST", path, headers, body)
end

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests": %d, "took_us": %d, "errors": %d, "p50_us": %d, "p99_us": %d}',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
