-- How much did each feature move each score? One row per score and feature; the contributions of a score and its base_value add up to the prediction.
-- input is what the model saw: the feature's robust z-score across the issuers of the day, null where missing.
CREATE OR REPLACE VIEW score_contributions AS
SELECT e.ticker, e.trade_date, e.parent_id, e.model_version, unnest(m.features) AS feature, unnest(e.inputs) AS input, unnest(e.contributions) AS contribution,
       e.base_value, e.known_at
FROM explanations e
JOIN models m ON m.model_version = e.model_version
