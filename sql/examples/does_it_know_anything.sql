-- Does any model know more than the equity-only control, and could this sample have told?
SELECT model_name, size_weighted_ic, size_weighted_t, smallest_detectable_size_weighted_ic,
  abs(size_weighted_ic) >= smallest_detectable_size_weighted_ic AS is_detectable, book_return_pct, book_return_t, n_days
FROM evaluations
WHERE slice = 'all' AND horizon_days = 5
ORDER BY model_name
