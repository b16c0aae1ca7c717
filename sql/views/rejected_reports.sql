-- Which reports are not standing trades, and why? Every report is either here or in trades, never in both.
-- cause_* names the report that ended or repeats it; known_until is when a report that was a trade ceased to be one.
CREATE OR REPLACE VIEW rejected_reports AS
SELECT e.*, CASE WHEN s.delivery_date IS NOT NULL THEN e.known_at END AS known_until
FROM trade_events e
ANTI JOIN (SELECT delivery_date, record_number, revision FROM trade_events WHERE revision > 0) l
  ON l.delivery_date = e.delivery_date AND l.record_number = e.record_number AND l.revision > e.revision
LEFT JOIN (SELECT DISTINCT delivery_date, record_number FROM trade_events WHERE reason IS NULL) s
  ON s.delivery_date = e.delivery_date AND s.record_number = e.record_number AND e.revision > 0
WHERE e.reason IS NOT NULL
