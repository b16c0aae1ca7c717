-- Which bond days looked different at their own cutoff from what is known now?
SELECT first.cusip, first.trade_date, first.price AS price_then, newest.price AS price_now, first.n_trades AS trades_then,
       newest.n_trades AS trades_now, newest.known_date AS known_since
FROM bond_day_revisions first
JOIN bond_day_revisions newest ON newest.cusip = first.cusip AND newest.trade_date = first.trade_date
WHERE first.known_date = first.trade_date
  AND newest.known_date = (SELECT max(known_date) FROM bond_day_revisions r WHERE r.cusip = first.cusip AND r.trade_date = first.trade_date)
  AND newest.known_date > first.known_date
ORDER BY abs(newest.price - first.price) DESC NULLS LAST, first.cusip, first.trade_date
LIMIT 20
