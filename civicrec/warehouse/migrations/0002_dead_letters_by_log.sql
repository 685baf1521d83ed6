-- Several logs may lead into one warehouse: a dead letter's key names its log.
ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS log String,
    MODIFY ORDER BY (log_offset, piece, log);
