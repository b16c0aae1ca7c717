-- How often is the published score sure, and how often is it right then, counting a piece of news once?
SELECT side, level, n_name_days, n_news, hit_rate, hit_rate_low, hit_rate_high, log_score_gain, log_score_gain_t
FROM probability_tails
WHERE model_name = 'champion'
ORDER BY side, level
