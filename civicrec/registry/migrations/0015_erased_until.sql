-- Until when events of an erased name are refused: for good while it is empty, else those that occurred by then. It is the
-- time at which the person consented anew.
ALTER TABLE erased_ids ADD COLUMN until $time;
