-- What is watched, and how near is each to ringing on the newest evening?
SELECT monitor, state, value, expected, statistic / threshold AS of_threshold, last_alarm_date, run_length_days / 252 AS years_between_false_alarms
FROM monitors
WHERE trade_date = (SELECT max(trade_date) FROM monitored_days)
ORDER BY of_threshold DESC NULLS LAST, monitor
LIMIT 20
