-- Where does the champion's kind of model add most over the control: which sector, rating, size, year, near earnings or away?
SELECT slice, bucket, size_weighted_ic, size_weighted_t, smallest_detectable_size_weighted_ic, n_days
FROM evaluations
WHERE slice <> 'all'
  AND model_name = (SELECT arg_max(model_name, valid_from_date) || '_over_equity' FROM champions)
ORDER BY slice, size_weighted_ic DESC
