-- Which tags items teach while actors' tags are weighed here (docs/decisions/198-tags-are-weighed-in-the-warehouse.md).
CREATE TABLE IF NOT EXISTS item_tags
(
    day            Date,
    item_id        String,
    tag            LowCardinality(String),
    half_life_days Float64,
    min_evidence   UInt32
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, item_id, tag);
-- 0: written by an earlier version, which reckoned none.
ALTER TABLE actor_tags ADD COLUMN IF NOT EXISTS confidence Float64 DEFAULT 0 AFTER evidence;
