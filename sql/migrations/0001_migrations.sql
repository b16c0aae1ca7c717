-- Which migrations has this lake seen? One row for each, so that none runs twice and none is left out.
CREATE TABLE IF NOT EXISTS migrations (number BIGINT, name VARCHAR, applied_at TIMESTAMP);
COMMENT ON TABLE migrations IS 'Changes of the lake itself from one version of bondsig to the next, as they were applied.';
COMMENT ON COLUMN migrations.number IS 'Number of the migration, the first part of its file name';
COMMENT ON COLUMN migrations.name IS 'Name of its file in sql/migrations/';
COMMENT ON COLUMN migrations.applied_at IS 'When this lake was changed, or made by a version that had it';
