-- The status an item goes back to when it is restored; NULL while it is not withdrawn, and for what was withdrawn
-- before this was kept.
ALTER TABLE items ADD COLUMN status_before VARCHAR(16);
