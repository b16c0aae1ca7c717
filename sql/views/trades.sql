-- Which trades stand now? One row per trade that no later message has ended, with what it was reported as.
-- known_at says since when it was known. For any past moment use trades_as_of(moment).
CREATE OR REPLACE VIEW trades AS
SELECT e.* EXCLUDE (reason, closes_delivery_date, closes_record_number)
FROM trade_events e
WHERE e.reason IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM trade_events c
    WHERE c.closes_delivery_date = e.delivery_date AND c.closes_record_number = e.record_number
  )
