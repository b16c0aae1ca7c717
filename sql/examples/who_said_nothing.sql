-- On how many of its days did a champion give every issuer the same score, which says nothing?
WITH days AS (
  SELECT trade_date, model_version, min(score) = max(score) AS is_flat
  FROM scores
  GROUP BY trade_date, model_version
  HAVING count(*) > 1
)
SELECT c.valid_from_date, c.model_version, count(*) AS n_days, count(*) FILTER (WHERE d.is_flat) AS n_flat_days
FROM champions c
JOIN days d ON d.model_version = c.model_version
  AND d.trade_date BETWEEN c.valid_from_date AND coalesce(c.valid_to_date, DATE '9999-12-31')
GROUP BY c.valid_from_date, c.model_version
ORDER BY c.valid_from_date DESC
