-- Which trades stand now? One row per report that is a trade as of everything known, with what it was reported as.
-- known_at says since when it has been known as it is here. For any past moment use trades_as_of(moment).
CREATE OR REPLACE VIEW trades AS
SELECT e.* EXCLUDE (reason, cause_delivery_date, cause_record_number)
FROM trade_events e
LEFT JOIN (SELECT delivery_date, record_number, max(revision) AS last FROM trade_events WHERE revision > 0 GROUP BY ALL) l
  ON l.delivery_date = e.delivery_date AND l.record_number = e.record_number
WHERE e.revision = coalesce(l.last, 0) AND e.reason IS NULL
