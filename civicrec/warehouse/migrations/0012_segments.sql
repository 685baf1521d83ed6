-- What rules of segments ask of items, as of a night (docs/decisions/208-segments-are-rules-asked-in-two-stores.md).
CREATE TABLE IF NOT EXISTS item_facts
(
    day       Date,
    item_id   String,
    item_type LowCardinality(String),
    issuer    LowCardinality(String),
    region    LowCardinality(String),
    tags      Array(LowCardinality(String))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, item_id);

-- Who was in which segment at a night: of two nights, to tell who entered and who left.
CREATE TABLE IF NOT EXISTS segment_members
(
    day     Date,
    segment LowCardinality(String),
    actor   String
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, segment, actor);
