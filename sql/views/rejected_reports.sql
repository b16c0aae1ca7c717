-- Which reports are not standing trades, and why? Every report is either here or in trades, never in both.
-- cause_* names the report that ended a trade; reason is then ended_by_cancel, ended_by_correction, ended_by_reversal or ended_by_sell_leg.
CREATE OR REPLACE VIEW rejected_reports AS
SELECT
  e.* EXCLUDE (reason, closes_delivery_date, closes_record_number),
  coalesce(e.reason, CASE c.status WHEN 'X' THEN 'ended_by_cancel' WHEN 'C' THEN 'ended_by_correction' WHEN 'Y' THEN 'ended_by_reversal' ELSE 'ended_by_sell_leg' END) AS reason,
  c.delivery_date AS cause_delivery_date,
  c.record_number AS cause_record_number,
  c.known_at AS known_until
FROM trade_events e
LEFT JOIN (
  SELECT closes_delivery_date, closes_record_number, min_by(status, known_at) AS status, min_by(delivery_date, known_at) AS delivery_date,
         min_by(record_number, known_at) AS record_number, min(known_at) AS known_at
  FROM trade_events WHERE closes_record_number IS NOT NULL GROUP BY ALL
) c ON c.closes_delivery_date = e.delivery_date AND c.closes_record_number = e.record_number
WHERE e.reason IS NOT NULL OR c.status IS NOT NULL
