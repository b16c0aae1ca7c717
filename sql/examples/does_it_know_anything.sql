-- Does any model know more than the equity-only control, and could this sample have told?
SELECT model_name, mean_ic, t_statistic, smallest_detectable_ic, abs(mean_ic) >= smallest_detectable_ic AS is_detectable, n_days
FROM evaluations
WHERE slice = 'all' AND horizon_days = 5
ORDER BY model_name
