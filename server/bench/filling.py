"""Fills tables with finished requests, as after a long time of operation."""

import asyncio

from tests.support.databases import run_sql

#: Seven of ten are async; one in twelve failed; one callback in nine was given up. Everything has ended.
FINISHED = """
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, failure_reason, idempotency_key,
                      queue_position, generation_attempts, callback_url, receiver, callback_status, callback_attempts,
                      callback_error_code,
                      created_at, started_at, completed_at, callback_finished_at)
SELECT id, mode, status, '192.0.2.' || n % 200, input, CASE status WHEN 'COMPLETED' THEN result END,
       CASE status WHEN 'FAILED' THEN 'The report could not be generated.' END,
       CASE WHEN n % 3 = 0 THEN 'order-' || n END, CASE mode WHEN 'async' THEN n END,
       CASE mode WHEN 'async' THEN 1 ELSE 0 END, CASE mode WHEN 'async' THEN receiver || '/webhook' END,
       CASE mode WHEN 'async' THEN receiver END, callback_status, CASE mode WHEN 'async' THEN 1 ELSE 0 END,
       CASE callback_status WHEN 'FAILED' THEN 'bad_status' END,
       created_at, created_at + interval '30 ms', created_at + interval '60 ms',
       CASE mode WHEN 'async' THEN created_at + interval '90 ms' END
FROM (
    SELECT *, json_build_object(
                  'num_transactions', 50, 'report_name', 'Report_' || n % 1000, 'seed', n,
                  'period_start', '2026-01-01', 'period_end', '2026-02-01', 'currency', 'USD') AS input,
              json_build_object(
                  'request_id', id, 'mode', mode, 'status', 'completed', 'report_name', 'Report_' || n % 1000,
                  'file_name', id || '.csv', 'file_size_bytes', 4096, 'sha256', encode(sha256(id::text::bytea), 'hex'),
                  'download_url', '/api/reports/' || id || '.csv', 'processing_time_ms', 1,
                  'summary', json_build_object('total_transactions', 50, 'total_revenue', '812345.10',
                      'total_expenses', '93210.55', 'net_income', '719134.55', 'currency', 'USD')) AS result
    FROM (
        SELECT n, gen_random_uuid() AS id, CASE WHEN n % 10 < 7 THEN 'async' ELSE 'sync' END AS mode,
               CASE WHEN n % 12 = 5 THEN 'FAILED' ELSE 'COMPLETED' END AS status,
               CASE WHEN n % 10 < 7 THEN CASE WHEN n % 9 = 4 THEN 'FAILED' ELSE 'SUCCESS' END END AS callback_status,
               'https://hooks-' || n % 50 || '.example.com:443' AS receiver,
               now() - ({rows} - n) * interval '31 s' AS created_at
        FROM generate_series(1, {rows}) AS n
    ) AS numbered
) AS told
"""
LOGS = """
INSERT INTO callback_logs (id, request_id, attempt_number, status_code, success, error_code, response_time_ms,
                           attempted_at)
SELECT gen_random_uuid(), id, 1, CASE callback_status WHEN 'SUCCESS' THEN 200 ELSE 410 END,
       callback_status = 'SUCCESS', CASE callback_status WHEN 'FAILED' THEN 'bad_status' END, 30, completed_at
FROM requests WHERE mode = 'async'
"""


def fill(url: str, rows: int) -> None:
    """Insert finished requests, each async one with an attempt, then VACUUM ANALYZE."""
    counter = f"UPDATE queue_counter SET last_position = {rows}"
    no_checks_by_row = "SET session_replication_role = replica"  # foreign keys: what is written here keeps them
    after = ("VACUUM ANALYZE requests", "VACUUM ANALYZE callback_logs", "CHECKPOINT")
    asyncio.run(run_sql(url, no_checks_by_row, FINISHED.format(rows=rows), LOGS, counter, *after))
