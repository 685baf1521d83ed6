-- Which log `log_offset` belongs to; empty for events of before.
ALTER TABLE events ADD COLUMN IF NOT EXISTS log LowCardinality(String) AFTER props;
