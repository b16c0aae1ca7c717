-- Which trades stood at a past moment, seen from that moment? Usage: FROM trades_as_of(TIMESTAMP '2024-03-28 18:30').
CREATE OR REPLACE MACRO trades_as_of(moment) AS TABLE
SELECT e.* EXCLUDE (reason, cause_delivery_date, cause_record_number)
FROM trade_events e
LEFT JOIN (SELECT delivery_date, record_number, max(revision) AS last FROM trade_events WHERE revision > 0 AND known_at <= moment GROUP BY ALL) l
  ON l.delivery_date = e.delivery_date AND l.record_number = e.record_number
WHERE e.revision = coalesce(l.last, 0) AND e.reason IS NULL AND e.known_at <= moment
