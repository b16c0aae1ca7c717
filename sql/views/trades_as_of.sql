-- Which trades stood at a past moment, seen from that moment? Usage: FROM trades_as_of(TIMESTAMP '2024-03-28 18:30').
CREATE OR REPLACE MACRO trades_as_of(moment) AS TABLE
SELECT e.* EXCLUDE (reason, closes_delivery_date, closes_record_number)
FROM trade_events e
WHERE e.reason IS NULL
  AND e.known_at <= moment
  AND NOT EXISTS (
    SELECT 1 FROM trade_events c
    WHERE c.closes_delivery_date = e.delivery_date AND c.closes_record_number = e.record_number AND c.known_at <= moment
  )
