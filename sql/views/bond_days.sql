-- What is known now about each bond and day? The newest revision of every bond day, with its yield and spread.
CREATE OR REPLACE VIEW bond_days AS
SELECT r.*, a.* EXCLUDE (cusip, trade_date, known_date, known_at)
FROM (
  SELECT * FROM bond_day_revisions
  QUALIFY row_number() OVER (PARTITION BY cusip, trade_date ORDER BY known_date DESC) = 1
) r
LEFT JOIN bond_analytics a USING (cusip, trade_date, known_date)
WHERE r.n_trades > 0 OR r.source = 'quotes'
