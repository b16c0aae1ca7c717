-- Which trade reports stand behind the newest day's lowest score? From the score over parent and bonds to the reports.
WITH lowest AS (
  SELECT parent_id, ticker, trade_date FROM scores
  WHERE trade_date = (SELECT max(trade_date) FROM scores)
  ORDER BY score, ticker LIMIT 1
)
SELECT l.ticker, t.cusip, t.executed_at, t.price, t.par_usd, t.side, t.contra, t.delivery_date, t.record_number
FROM lowest l
JOIN security_master m ON m.parent_id = l.parent_id AND m.known_until IS NULL
  AND l.trade_date BETWEEN m.valid_from_date AND coalesce(m.valid_to_date, DATE '9999-12-31')
JOIN trades_as_of((SELECT known_at FROM scores WHERE ticker = (SELECT ticker FROM lowest) AND trade_date = (SELECT trade_date FROM lowest))) t
  ON t.cusip = m.cusip AND t.execution_date BETWEEN l.trade_date - INTERVAL 10 DAY AND l.trade_date
ORDER BY t.executed_at DESC, t.cusip, t.record_number
