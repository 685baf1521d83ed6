-- How many events a dead letter stands for: more than one if a whole record could not be read. 0 is unknown, of letters
-- written before this column was there.
ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS n_events UInt32 DEFAULT 0;
