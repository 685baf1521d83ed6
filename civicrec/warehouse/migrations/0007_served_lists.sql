-- One row a list, as it was answered, with nobody's name. Which person saw it is told by no column; events of the list carry
-- its request_id, while they are kept. A part goes as a whole once all its lists are old.
CREATE TABLE IF NOT EXISTS served
(
    request_id     String,
    served_at      DateTime64(3, 'UTC'),
    kept_until     Date,
    site           LowCardinality(String),
    scene          LowCardinality(String),
    slot           LowCardinality(String),
    variant        LowCardinality(String),
    mode           LowCardinality(String),
    model          LowCardinality(String),
    degraded       UInt8,
    first_position UInt16,
    item_ids       Array(String),
    sources        Array(Array(LowCardinality(String))),
    reasons        Array(Array(LowCardinality(String)))
)
ENGINE = MergeTree
PARTITION BY toMonday(kept_until)
ORDER BY (scene, served_at)
TTL kept_until
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;
