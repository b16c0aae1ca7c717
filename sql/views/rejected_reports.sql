-- Which reports are not standing trades, and why? Every report is either here or in trades, never in both.
-- cause_* names the report that ended or repeats it; known_until is when a report that was a trade ceased to be one.
CREATE OR REPLACE VIEW rejected_reports AS
SELECT e.*, CASE WHEN l.was_trade THEN e.known_at END AS known_until
FROM trade_events e
LEFT JOIN (
  SELECT delivery_date, record_number, max(revision) AS last, bool_or(reason IS NULL) AS was_trade FROM trade_events GROUP BY ALL HAVING max(revision) > 0
) l ON l.delivery_date = e.delivery_date AND l.record_number = e.record_number
WHERE e.revision = coalesce(l.last, 0) AND e.reason IS NOT NULL
