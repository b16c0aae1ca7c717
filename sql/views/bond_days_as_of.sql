-- What was known at a past moment about each bond and day? Usage: FROM bond_days_as_of(TIMESTAMP '2024-03-28 18:30').
CREATE OR REPLACE MACRO bond_days_as_of(moment) AS TABLE
SELECT r.*, a.* EXCLUDE (cusip, trade_date, known_date, known_at)
FROM (
  SELECT * FROM bond_day_revisions WHERE known_at <= moment
  QUALIFY row_number() OVER (PARTITION BY cusip, trade_date ORDER BY known_date DESC) = 1
) r
LEFT JOIN bond_analytics a USING (cusip, trade_date, known_date)
WHERE r.n_trades > 0 OR r.source = 'quotes'
