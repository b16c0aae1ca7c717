"""Tables of labels, models, scores and how both are judged.

Belongs here: declarations of the groups dataset, models, scores, signals and monitoring. Not here:
what comes before the labels (the modules beside this one).
"""

from __future__ import annotations

from bondsig_assets.tables.schema import KNOWN, C, R, Table

_MODEL = R(
    "model_name",
    "VARCHAR",
    "Name of the model: bayes_ridge, expected_reaction, recent_ridge, residual_trees, ridge,"
    " elastic_net, xgboost, lightgbm, random_forest, lstm, ensemble (mean of their predictions),"
    " equity_only (the control)",
)
_ADDED = R(
    "model_name",
    "VARCHAR",
    "A model, champion (the published scores), or `<model>_over_equity`: the part of its ranks, or"
    " for what goes by size of its predictions, that the equity-only control does not explain",
)
_JUDGED = R("model_name", "VARCHAR", "A model, or champion: the published scores")
_FOLD = R("fold", "DATE", "First day of the quarter the fold scores")
_VERSION = R("model_version", "VARCHAR", "Name and fold")

LABELS = Table(
    "labels",
    "dataset",
    "What the models predict, per horizon: the stock's log return from close t+1 to close t+1+h"
    " minus its sector ETF's, filed under the day it became known.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("trade_date", "DATE", "Day t of the features"),
        R("horizon_days", "BIGINT", "h: 1, 5, 10 or 21 trading days", "days"),
        R("ticker", "VARCHAR", "Stock on day t"),
        R("sector_etf", "VARCHAR", "Sector ETF on day t"),
        R("label_end_date", "DATE", "Trading day t+1+h, on whose close the label is complete"),
        R(
            "stock_return_pct",
            "DOUBLE",
            "100 x log return of the stock, close t+1 to close t+1+h; after a delisting its"
            " proceeds earn the ETF's return",
            "pct",
        ),
        R("sector_return_pct", "DOUBLE", "100 x log return of the ETF over the same days", "pct"),
        R("excess_return_pct", "DOUBLE", "Stock minus ETF: the label", "pct"),
        C(
            "beta",
            "DOUBLE",
            "Slope of the stock's daily returns on the ETF's over the 63 days to t, 40 at least,"
            " drawn half-way to 1",
        ),
        C("beta_adjusted_return_pct", "DOUBLE", "Stock minus beta x ETF", "pct"),
        R(
            "is_delisted",
            "BOOLEAN",
            "The stock stopped trading within the label, with a delisting on record",
        ),
        KNOWN,
    ),
    key=("parent_id", "trade_date", "horizon_days"),
    event_time="trade_date",
    known_time="known_at",
    partition="label_end_date",
)

MODELS = Table(
    "models",
    "models",
    "One row per model and walk-forward fold: what it was trained on, and how it is calibrated.",
    (
        _FOLD,
        _MODEL,
        _VERSION,
        R("kind", "VARCHAR", "Class of model"),
        R(
            "specification_hash",
            "VARCHAR",
            "Fingerprint of kind, declared settings, inputs, label and window: refits of one"
            " specification share it",
        ),
        R(
            "feature_hash",
            "VARCHAR",
            "Fingerprint of the ordered list of inputs and how each is declared",
        ),
        R("features", "VARCHAR[]", "Inputs in order"),
        R(
            "history_days",
            "BIGINT",
            "Days of each input the model sees: 1, or more for a sequence model",
            "days",
        ),
        R("settings", "VARCHAR", "Settings it was fitted with, tuned ones included, as JSON"),
        R("horizon_days", "BIGINT", "Horizon of the label", "days"),
        R("label", "VARCHAR", "excess, or beta_adjusted"),
        R("train_start_date", "DATE", "First training day"),
        R("train_end_date", "DATE", "Last training day; its label was known before the fold began"),
        R("n_train_rows", "BIGINT", "Training rows"),
        R("n_train_days", "BIGINT", "Training days"),
        C(
            "stop_start_date",
            "DATE",
            "First day of the early-stopping span, null without early stopping",
        ),
        C("stop_end_date", "DATE", "Last day of that span"),
        R("rounds", "BIGINT", "Trees or epochs fitted; 0 where there is no such thing"),
        R(
            "calibration_start_date",
            "DATE",
            "First day of the span the probability was calibrated on",
        ),
        R("calibration_end_date", "DATE", "Last day of that span"),
        R(
            "calibration_ic",
            "DOUBLE",
            "Mean daily rank IC on that span, by a sibling that had not seen it",
        ),
        C(
            "calibration_size_weighted_ic",
            "DOUBLE",
            "Mean daily size-weighted IC added over the control's sibling on that span; the IC"
            " itself for the control",
        ),
        R(
            "calibration_intercept",
            "DOUBLE",
            "P(underperform) = (1 - certainty)/2 + certainty x Φ(intercept + slope x prediction),"
            " of issuers without a CDS; logistic(intercept + slope x prediction) where certainty is"
            " null",
        ),
        R(
            "calibration_slope",
            "DOUBLE",
            "Never above 0; 0 where nothing that can be trusted is known",
        ),
        C(
            "calibration_certainty",
            "DOUBLE",
            "How much of what is foretold can still come, from 0 to 1; null for models of versions"
            " before credit news",
            "share",
        ),
        C("calibration_intercept_cds", "DOUBLE", "Intercept of issuers with a CDS"),
        C("calibration_slope_cds", "DOUBLE", "Slope of issuers with a CDS, never above 0"),
        C("calibration_certainty_cds", "DOUBLE", "Certainty of issuers with a CDS", "share"),
        C(
            "calibration_prior_slope",
            "DOUBLE",
            "How far the size of predictions was believed on that span, from 0 to 1: minus the"
            " slope that the prior expects",
        ),
        R(
            "base_rate",
            "DOUBLE",
            "Share of labels below zero among the issuers that would have been scored on the"
            " calibration span: the forecast that probabilities must beat",
            "share",
        ),
        R("is_eligible", "BOOLEAN", "Takes part in the gate: may become champion"),
        R("snapshot_id", "BIGINT", "Warehouse snapshot it was trained on"),
        R(
            "data_hash",
            "VARCHAR",
            "Fingerprint of the training rows, labels and settings: the same one is not fitted"
            " again",
        ),
        C("mlflow_run_id", "VARCHAR", "Nested MLflow run of the fold"),
        C("mlflow_model_uri", "VARCHAR", "The model in MLflow, null for the ensemble"),
        R("model_text", "VARCHAR", "The fitted model as text"),
        KNOWN,
    ),
    key=("fold", "model_name"),
    event_time="fold",
    known_time="known_at",
    partition="fold",
)

HOLDOUT_ICS = Table(
    "holdout_ics",
    "models",
    "Daily ICs of each fold's siblings on its calibration span, which they had not seen: what the"
    " gate compares.",
    (
        _FOLD,
        _MODEL,
        R("trade_date", "DATE", "Day of the calibration span"),
        R("information_coefficient", "DOUBLE", "Spearman correlation over the day's issuers"),
        C(
            "size_weighted_ic",
            "DOUBLE",
            "Correlation of the label's normal score with what the control's sibling leaves of the"
            " prediction; with the prediction for the control. The gate compares this one",
        ),
        KNOWN,
    ),
    key=("fold", "model_name", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="fold",
)

FEATURE_IMPORTANCES = Table(
    "feature_importances",
    "models",
    "How much each input moves each fold's model: mean absolute contribution over a sample of"
    " rows.",
    (
        _FOLD,
        _MODEL,
        R("feature", "VARCHAR", "Input"),
        R(
            "mean_abs_contribution",
            "DOUBLE",
            "Mean |SHAP| (integrated gradients for the LSTM), in units of the predicted normal"
            " score",
        ),
        R("mean_contribution", "DOUBLE", "Mean signed contribution"),
        R("share", "DOUBLE", "Part of the sum over features", "share"),
        R("importance_rank", "BIGINT", "1 = largest"),
        R("n_rows", "BIGINT", "Rows of the sample"),
        KNOWN,
    ),
    key=("fold", "model_name", "feature"),
    event_time="fold",
    known_time="known_at",
    partition="fold",
)

CHAMPIONS = Table(
    "champions",
    "models",
    "Which model scores from which day on, and the comparison that decided it.",
    (
        R("valid_from_date", "DATE", "First trading day it scores"),
        C("valid_to_date", "DATE", "Last one, null while it lasts"),
        R("model_version", "VARCHAR", "The champion: name and fold"),
        _MODEL,
        R("trained_fold", "DATE", "Fold the champion was trained for"),
        R("specification_hash", "VARCHAR", "Its specification"),
        R("feature_hash", "VARCHAR", "Its inputs"),
        R("data_hash", "VARCHAR", "Fingerprint of what it was fitted on"),
        R("registry_version", "VARCHAR", "Its version in MLflow's registry"),
        R(
            "decision",
            "VARCHAR",
            "first, refit, new_specification, kept (the gate refused every challenger) or person",
        ),
        C("incumbent_version", "VARCHAR", "Champion before"),
        C("challenger_version", "VARCHAR", "Model it was compared with"),
        C(
            "n_holdout_days",
            "BIGINT",
            "Days of the comparison; neither had seen their labels",
            "days",
        ),
        C(
            "ic_difference",
            "DOUBLE",
            "Mean daily size-weighted IC added of the challenger minus the incumbent's",
        ),
        C("standard_error", "DOUBLE", "Newey-West standard error of that difference"),
        C("threshold", "DOUBLE", "The difference had to reach this"),
        R("reason", "VARCHAR", "The decision in words"),
        C(
            "is_flat",
            "BOOLEAN",
            "It gives every issuer one score: its probabilities do not depend on its predictions,"
            " which earned nothing on the calibration span or are all alike",
        ),
        KNOWN,
    ),
    key=("valid_from_date",),
    event_time="valid_from_date",
    known_time="known_at",
)

PREDICTIONS = Table(
    "predictions",
    "scores",
    "What every model said of every issuer and day, each by the fold model of its day.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("ticker", "VARCHAR", "Stock"),
        R("trade_date", "DATE", "Trading day"),
        _MODEL,
        _VERSION,
        R(
            "prediction",
            "DOUBLE",
            "Expected excess return less the day's median, in own volatilities over the horizon (or"
            " as a normal score across the day's issuers, which is about as large)",
            "sd",
        ),
        R(
            "probability_underperform",
            "DOUBLE",
            "Calibrated probability that the model's label (the excess return unless trained"
            " otherwise) is negative",
        ),
        C(
            "is_informed",
            "BOOLEAN",
            "Whether the probability depends on the prediction; where not, nothing that can be"
            " trusted is known. Null for predictions of older versions",
        ),
        KNOWN,
    ),
    key=("parent_id", "trade_date", "model_name"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

SCORES = Table(
    "scores",
    "scores",
    "One score per issuer and day, from the model that was champion at that day's cutoff.",
    (
        R("ticker", "VARCHAR", "Stock"),
        R("trade_date", "DATE", "Trading day"),
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R(
            "score",
            "DOUBLE",
            "1 - 2 P(underperform): -1 sure to underperform its sector ETF, +1 sure to outperform",
        ),
        R(
            "probability_underperform",
            "DOUBLE",
            "Calibrated probability that the champion's label (the excess return unless trained"
            " otherwise) is negative",
        ),
        R(
            "base_rate",
            "DOUBLE",
            "Share of the champion's calibration span that underperformed: what the probability is"
            " where nothing is known",
            "share",
        ),
        C(
            "is_informed",
            "BOOLEAN",
            "Whether the probability depends on the prediction; where not, the champion knew"
            " nothing that can be trusted. Null for scores of older versions",
        ),
        R("score_rank", "DOUBLE", "Cross-sectional rank of the prediction from -1 to +1"),
        R("prediction", "DOUBLE", "Prediction of the champion"),
        R("model_version", "VARCHAR", "Champion of that day"),
        R("registry_version", "VARCHAR", "Its version in MLflow's registry"),
        R(
            "top_features",
            "VARCHAR[]",
            "The five features that moved the prediction most, largest first",
        ),
        R("top_contributions", "DOUBLE[]", "Their SHAP contributions to the prediction"),
        R("top_values", "DOUBLE[]", "Their values in issuer_days"),
        KNOWN,
    ),
    key=("ticker", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

EXPLANATIONS = Table(
    "explanations",
    "scores",
    "SHAP of every score: how much each input of the champion moved it. The view"
    " score_contributions has a row per feature.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("ticker", "VARCHAR", "Stock"),
        R("trade_date", "DATE", "Trading day"),
        R(
            "model_version",
            "VARCHAR",
            "Champion of that day; models.features names the inputs in the order of the lists",
        ),
        R("base_value", "DOUBLE", "Prediction before any feature is looked at"),
        R(
            "contributions",
            "DOUBLE[]",
            "Contribution of each input; with base_value they add up to the prediction",
        ),
        R(
            "inputs",
            "DOUBLE[]",
            "The inputs as the model saw them: robust z-scores across the day's issuers, null where"
            " missing; those of credit_news in own volatilities, 0 where there is no news",
        ),
        KNOWN,
    ),
    key=("parent_id", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

UNSCORED_DAYS = Table(
    "unscored_days",
    "scores",
    "Days without scores, and why. A day that is scored later leaves this table.",
    (
        R("trade_date", "DATE", "Trading day"),
        R(
            "reason",
            "VARCHAR",
            "no_model_yet, nobody_to_score, registry_unreachable or model_does_not_fit",
        ),
        R("explanation", "VARCHAR", "What was found, and what to do"),
        KNOWN,
    ),
    key=("trade_date",),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

SIGNALS = Table(
    "signals",
    "signals",
    "Scores that pass the first filter: liquid, fresh, and far enough from indifference.",
    (
        R("ticker", "VARCHAR", "Stock"),
        R("trade_date", "DATE", "Trading day"),
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("direction", "BIGINT", "-1 expected to underperform, +1 to outperform"),
        R("score", "DOUBLE", "Score"),
        R("score_rank", "DOUBLE", "Cross-sectional rank"),
        R("probability_underperform", "DOUBLE", "Calibrated probability"),
        C("staleness_days", "DOUBLE", "Days since its bonds last traded", "days"),
        C("n_trades_21d", "DOUBLE", "Trades in 21 days"),
        R("model_version", "VARCHAR", "Champion of that day"),
        KNOWN,
    ),
    key=("ticker", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

FILTERED_SIGNALS = Table(
    "filtered_signals",
    "signals",
    "Scores of the day's outer parts that are no signals, with every rule that kept them from it.",
    (
        R("ticker", "VARCHAR", "Stock"),
        R("trade_date", "DATE", "Trading day"),
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("direction", "BIGINT", "-1 expected to underperform, +1 to outperform"),
        R("score", "DOUBLE", "Score"),
        R("probability_underperform", "DOUBLE", "Calibrated probability"),
        R(
            "reasons",
            "VARCHAR[]",
            "In the order in which they are asked: margin (too near the base rate), probability"
            " (not sure enough), bond_trades, bond_staleness",
        ),
        KNOWN,
    ),
    key=("ticker", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

INFORMATION_COEFFICIENTS = Table(
    "information_coefficients",
    "monitoring",
    "Daily rank correlation of each model's predictions with the labels of each horizon.",
    (
        R("trade_date", "DATE", "Trading day of the predictions"),
        _ADDED,
        R("horizon_days", "BIGINT", "Horizon of the labels", "days"),
        R("information_coefficient", "DOUBLE", "Spearman correlation over the day's issuers"),
        C(
            "size_weighted_ic",
            "DOUBLE",
            "Correlation of the label's normal score with the prediction, or with what the"
            " control's prediction leaves of it: the headline",
        ),
        C(
            "tied_rank_ic",
            "DOUBLE",
            "Spearman correlation of the same, predictions below 0.09 own volatilities tied at 0",
        ),
        R("n_issuers", "BIGINT", "Issuers with prediction and label"),
    ),
    key=("trade_date", "model_name", "horizon_days"),
    event_time="trade_date",
)

EVALUATIONS = Table(
    "evaluations",
    "monitoring",
    "The judgement of each model: over all days, by horizon, and by slice of the market.",
    (
        _ADDED,
        R("horizon_days", "BIGINT", "Horizon of the labels", "days"),
        R(
            "slice",
            "VARCHAR",
            "all, or what the market is cut by: year, sector, rating, size, earnings",
        ),
        R("bucket", "VARCHAR", "Which part of the slice; all for all"),
        C(
            "size_weighted_ic",
            "DOUBLE",
            "Mean daily correlation of the label's normal score with the prediction (with what the"
            " control leaves of it): the headline",
        ),
        C("size_weighted_t", "DOUBLE", "Newey-West t of that mean, lags as for t_statistic"),
        C("size_weighted_error", "DOUBLE", "Its Newey-West standard error"),
        C(
            "smallest_detectable_size_weighted_ic",
            "DOUBLE",
            "2.8 of these standard errors: found four times in five at the 5 % level",
        ),
        C(
            "tied_rank_ic",
            "DOUBLE",
            "Mean daily rank IC with predictions below 0.09 own volatilities tied at 0",
        ),
        C("tied_rank_t", "DOUBLE", "Its Newey-West t"),
        R("mean_ic", "DOUBLE", "Mean daily rank IC"),
        C("icir", "DOUBLE", "Mean over standard deviation of the daily IC"),
        R(
            "t_statistic",
            "DOUBLE",
            "Newey-West t of the mean; lags max(horizon + 1, floor(4 (T/100)^(2/9)))",
        ),
        R("standard_error", "DOUBLE", "Newey-West standard error"),
        R(
            "smallest_detectable_ic",
            "DOUBLE",
            "2.8 standard errors: found four times in five at the 5 % level",
        ),
        C(
            "offsets_t_statistic",
            "DOUBLE",
            "Mean t of the IC of every h-th day, over the h offsets: no label of one meets another",
        ),
        C(
            "oos_r2_pct",
            "DOUBLE",
            "100 (1 - sum (y - p)^2 / sum y^2) of the standardised label, against predicting zero",
            "pct",
        ),
        C(
            "hit_rate",
            "DOUBLE",
            "Share of non-zero labels in the outer fifths whose sign the rank foretold",
            "share",
        ),
        C(
            "hit_rate_low",
            "DOUBLE",
            "Wilson's lower 95 % bound; labels overlap, so it counts one in h",
            "share",
        ),
        C("hit_rate_high", "DOUBLE", "Wilson's upper 95 % bound, likewise", "share"),
        C("n_hits_of", "BIGINT", "Labels the hit rate was taken over"),
        C(
            "decile_spread_pct",
            "DOUBLE",
            "Mean label of the top tenth minus that of the bottom tenth, before costs",
            "pct",
        ),
        C("decile_spread_t", "DOUBLE", "Its Newey-West t"),
        C(
            "book_return_pct",
            "DOUBLE",
            "Mean simple return beyond the sector ETFs, over the label's h days and before costs,"
            " of a book in proportion to the size of the predictions (or what the control leaves of"
            " them) less the day's mean: one dollar long, one short",
            "pct",
        ),
        C("book_return_error_pct", "DOUBLE", "Its Newey-West standard error", "pct"),
        C("book_return_t", "DOUBLE", "Its Newey-West t, lags as for t_statistic"),
        R("n_days", "BIGINT", "Days judged"),
        C(
            "n_flat_days",
            "BIGINT",
            "Days on which it said the same of every issuer (of <model>_over_equity: nothing that"
            " the control's order did not say); their IC is 0",
            "days",
        ),
        R("first_date", "DATE", "First day judged"),
        R("last_date", "DATE", "Last day judged"),
    ),
    key=("model_name", "horizon_days", "slice", "bucket"),
)

PROBABILITY_EVALUATIONS = Table(
    "probability_evaluations",
    "monitoring",
    "Whether probabilities mean what they say: Brier score, its parts and its skill over the base"
    " rate.",
    (
        _MODEL,
        R("brier_score", "DOUBLE", "Mean squared error of P(underperform)"),
        R("brier_base_rate", "DOUBLE", "The same of each fold's base rate, known before the fold"),
        C(
            "log_score_gain",
            "DOUBLE",
            "Mean log probability given to what happened, less that of the base rate known before"
            " the fold, in nats",
        ),
        C("log_score_gain_t", "DOUBLE", "Newey-West t of its daily means"),
        R("brier_skill", "DOUBLE", "1 - brier_score / brier_base_rate"),
        R("reliability", "DOUBLE", "Murphy's calibration loss over bins of equal mass"),
        R("resolution", "DOUBLE", "Murphy's resolution"),
        R("uncertainty", "DOUBLE", "Variance of the outcome"),
        R("calibration_error", "DOUBLE", "Mean |forecast - observed| over bins of equal mass"),
        R("lowest_probability", "DOUBLE", "Lowest probability given"),
        R("highest_probability", "DOUBLE", "Highest probability given"),
        R("n_rows", "BIGINT", "Predictions judged"),
        C("n_days", "BIGINT", "Days judged", "days"),
        C(
            "n_uninformed_days",
            "BIGINT",
            "Days on which no issuer's probability depended on its prediction: nothing that can be"
            " trusted was known",
            "days",
        ),
        C(
            "n_alike_days",
            "BIGINT",
            "Days on which all issuers had the same probability, whether or not the model was"
            " informed: it had no news of anybody",
            "days",
        ),
    ),
    key=("model_name",),
)

PROBABILITY_TAILS = Table(
    "probability_tails",
    "monitoring",
    "What came of high probabilities: for each model, side and level how often it said so, how"
    " often it was right, and how sure that is when a piece of news counts once.",
    (
        _JUDGED,
        R(
            "side",
            "VARCHAR",
            "underperform (P(underperform) reaches the level), outperform (1 - P does) or either",
        ),
        R("level", "DOUBLE", "Level that the probability of the side reached"),
        R("n_name_days", "BIGINT", "Issuers times days at or above the level"),
        R(
            "n_news",
            "BIGINT",
            "Pieces of news: a run of consecutive trading days of one issuer at or above the level"
            " counts once",
        ),
        R("n_days_fired", "BIGINT", "Days with at least one", "days"),
        C("mean_probability", "DOUBLE", "Mean probability of the side, of those judged"),
        C("hit_rate", "DOUBLE", "Share of non-zero labels on the side foretold", "share"),
        C(
            "hit_rate_low",
            "DOUBLE",
            "Lower 95 % bound: Wilson's interval of the effective number, pieces of news being the"
            " clusters (Korn and Graubard 1998)",
            "share",
        ),
        C("hit_rate_high", "DOUBLE", "Upper 95 % bound, likewise", "share"),
        R("n_hits_of", "BIGINT", "Labels the hit rate was taken over"),
        R("n_news_judged", "BIGINT", "Pieces of news with at least one of these labels"),
        C(
            "log_score_gain",
            "DOUBLE",
            "Mean log probability given to what happened, less that of the base rate known before"
            " the fold, in nats",
        ),
        C(
            "log_score_gain_t",
            "DOUBLE",
            "Its t, the error counting pieces of news (Cochran 1977, chapter 9A)",
        ),
    ),
    key=("model_name", "side", "level"),
)

NEWS_EVENTS = Table(
    "news_events",
    "monitoring",
    "The event study: what stocks did on the days after credit news became known with a probability"
    " above 0.8.",
    (
        R("direction", "VARCHAR", "good or bad news, or both"),
        R("grade", "VARCHAR", "investment_grade (unrated counts as it), high_yield, or all"),
        R(
            "days_after",
            "BIGINT",
            "Trading days after the one at whose cutoff the news was known so surely for the first"
            " time; 0 is that day. A label of five days spans 2 … 6",
            "days",
        ),
        R("n_news", "BIGINT", "Pieces of news with a stock return on that day"),
        R("n_days", "BIGINT", "Days on which they became known: the clusters of the error", "days"),
        R(
            "mean_excess_return_pct",
            "DOUBLE",
            "Mean log return of the stock beyond its sector ETF's on that day, along the news:"
            " above 0 where the stock follows",
            "pct",
        ),
        C(
            "error_pct",
            "DOUBLE",
            "Its standard error, pieces of one day being a cluster (Cochran 1977, chapter 9A)",
            "pct",
        ),
        C("t_statistic", "DOUBLE", "Mean over error"),
        R(
            "mean_move",
            "DOUBLE",
            "The same mean in each stock's own daily volatilities",
            "sd",
        ),
        C("move_error", "DOUBLE", "Its standard error", "sd"),
    ),
    key=("direction", "grade", "days_after"),
)

RELIABILITY_BINS = Table(
    "reliability_bins",
    "monitoring",
    "The reliability diagram: what happened where a probability was given.",
    (
        _MODEL,
        R("bin", "BIGINT", "Bin of equal mass, from 1"),
        R("mean_probability", "DOUBLE", "Mean P(underperform) given"),
        R("observed_share", "DOUBLE", "Share that underperformed", "share"),
        R("low", "DOUBLE", "Lower 95 % bound, days drawn in blocks", "share"),
        R("high", "DOUBLE", "Upper 95 % bound", "share"),
        R("n_rows", "BIGINT", "Predictions in the bin"),
    ),
    key=("model_name", "bin"),
)

THRESHOLDS = Table(
    "thresholds",
    "monitoring",
    "What a rule on the champion's probability would have given: how often it fired, and how often"
    " it was right.",
    (
        R("rule", "VARCHAR", "P >= level on either side, or the configured signal rule"),
        C("level", "DOUBLE", "Level of the probability, null for the signal rule"),
        R("signals_per_day", "DOUBLE", "Mean number of issuers a day"),
        R("n_signals", "BIGINT", "Signals in all"),
        R("n_days", "BIGINT", "Days scored"),
        R("n_days_fired", "BIGINT", "Days with at least one"),
        C("hit_rate", "DOUBLE", "Share of non-zero labels on the side foretold", "share"),
        C(
            "hit_rate_low",
            "DOUBLE",
            "Wilson's lower 95 % bound; labels overlap, so it counts one in h",
            "share",
        ),
        C("hit_rate_high", "DOUBLE", "Wilson's upper 95 % bound, likewise", "share"),
        C("n_hits_of", "BIGINT", "Labels the hit rate was taken over"),
    ),
    key=("rule",),
)

OVERFITTING = Table(
    "overfitting",
    "monitoring",
    "How much of the best result is luck of the search: deflated Sharpe ratio and probability of"
    " backtest overfitting.",
    (
        R("study", "VARCHAR", "MLflow experiment whose trials were counted"),
        R(
            "model_name",
            "VARCHAR",
            "Model of the trial; an older specification has the first digits of its MLflow run"
            " behind it, whose specification.json says what it was",
        ),
        R(
            "sharpe_ratio",
            "DOUBLE",
            "Annualised, long the top fifth and short the bottom fifth for h days, before costs:"
            " the mean over the h days one may begin on, as all figures here",
        ),
        R("lowest_sharpe_ratio", "DOUBLE", "That of the worst of these offsets"),
        R("highest_sharpe_ratio", "DOUBLE", "That of the best"),
        R("n_periods", "BIGINT", "Non-overlapping periods of the shortest offset"),
        R("n_trials", "BIGINT", "Trials logged in the experiment, failed ones included"),
        R(
            "effective_trials",
            "DOUBLE",
            "rho + (1 - rho) n: trials that move together count as fewer",
        ),
        C(
            "deflated_sharpe_probability",
            "DOUBLE",
            "Probability that the true Sharpe ratio is above what the best of that many idle trials"
            " would show",
        ),
        C(
            "overfitting_probability",
            "DOUBLE",
            "PBO of the study: share of splits in which the best trial of one half comes out at or"
            " below the median in the other",
        ),
    ),
    key=("study", "model_name"),
)
