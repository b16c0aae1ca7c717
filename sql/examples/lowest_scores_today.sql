-- Which issuers does credit like least on the newest day, and why?
SELECT ticker, trade_date, score, score_rank, probability_underperform, top_features[1] AS reason, top_values[1] AS value
FROM scores
WHERE trade_date = (SELECT max(trade_date) FROM scores)
ORDER BY score, ticker
LIMIT 10
