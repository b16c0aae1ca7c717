-- What was planted in this simulated market? A table of a name of its own: credit_news are features by now.
CREATE SCHEMA IF NOT EXISTS truth;
CREATE TABLE IF NOT EXISTS truth.credit_news (parent_id VARCHAR, news_date DATE, equity_date DATE, size_pct DOUBLE);
ALTER TABLE truth.credit_news RENAME TO planted_news;
