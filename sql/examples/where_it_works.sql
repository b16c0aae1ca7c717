-- Where does the champion's kind of model add most over the control: which sector, rating, size, year, near earnings or away?
SELECT slice, bucket, mean_ic, t_statistic, smallest_detectable_ic, n_days
FROM evaluations
WHERE slice <> 'all'
  AND model_name = (SELECT arg_max(model_name, valid_from_date) || '_over_equity' FROM champions)
ORDER BY slice, mean_ic DESC
