-- When an item last changed here, for who asks what changed since a time; of items from before this: when this ran.
ALTER TABLE items ADD COLUMN changed_at $time;
UPDATE items SET changed_at = CURRENT_TIMESTAMP;
