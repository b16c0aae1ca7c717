-- Why is the newest day's lowest score what it is? The ten features that moved it most, with their values and what the model saw of them.
WITH lowest AS (
  SELECT parent_id, ticker, trade_date, score, prediction FROM scores
  WHERE trade_date = (SELECT max(trade_date) FROM scores)
  ORDER BY score, ticker LIMIT 1
)
SELECT l.ticker, l.trade_date, l.score, c.feature, CAST(coalesce(to_json(i) ->> c.feature, to_json(n) ->> c.feature) AS DOUBLE) AS value, c.input AS robust_z, c.contribution,
       c.base_value, l.prediction
FROM lowest l
JOIN score_contributions c ON c.parent_id = l.parent_id AND c.trade_date = l.trade_date
JOIN issuer_days i ON i.parent_id = l.parent_id AND i.trade_date = l.trade_date
LEFT JOIN credit_news n ON n.parent_id = l.parent_id AND n.trade_date = l.trade_date
ORDER BY abs(c.contribution) DESC, c.feature
LIMIT 10
