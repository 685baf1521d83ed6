-- By what share of held-out visitors the visitor of a list was divided, 0 where nobody was (docs/decisions/204-what-personalisation-is-worth.md).
ALTER TABLE served ADD COLUMN IF NOT EXISTS holdout_share Float64 DEFAULT 0;
