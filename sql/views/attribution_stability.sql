-- Do the same features move a model in one fold as in the fold before? Rank correlation of their importance, and how many of the ten largest stayed.
CREATE OR REPLACE VIEW attribution_stability AS
WITH folds AS (
  SELECT model_name, fold, lag(fold) OVER (PARTITION BY model_name ORDER BY fold) AS fold_before
  FROM (SELECT DISTINCT model_name, fold FROM feature_importances)
)
SELECT f.model_name, f.fold, f.fold_before, CASE WHEN count(*) > 1 THEN corr(now.importance_rank, before.importance_rank) END AS rank_correlation,
       count(*) FILTER (WHERE now.importance_rank <= 10 AND before.importance_rank <= 10) AS n_of_ten_kept, count(*) AS n_features
FROM folds f
JOIN feature_importances now ON now.model_name = f.model_name AND now.fold = f.fold
JOIN feature_importances before ON before.model_name = f.model_name AND before.fold = f.fold_before AND before.feature = now.feature
GROUP BY f.model_name, f.fold, f.fold_before
