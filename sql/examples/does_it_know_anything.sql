-- Does any model know more than the equity-only control, and could this sample have told?
SELECT model_name, mean_ic, t_statistic, smallest_detectable_ic, abs(mean_ic) >= smallest_detectable_ic AS is_detectable, n_days
FROM evaluations
ORDER BY model_name
