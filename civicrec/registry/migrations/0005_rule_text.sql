-- What the visitor reads of a pin is its text, as of every reason.
ALTER TABLE editorial RENAME COLUMN told TO text;
