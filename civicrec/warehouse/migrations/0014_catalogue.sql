-- The catalogue as of a night, for analysts: events join it by item_id (docs/decisions/211-what-analysts-see.md).
CREATE TABLE IF NOT EXISTS catalogue
(
    day          Date,
    item_id      String,
    item_type    LowCardinality(String),
    title        String,
    issuer       LowCardinality(String),
    region       LowCardinality(String),
    themes       Array(LowCardinality(String)),
    life_events  Array(LowCardinality(String)),
    audiences    Array(LowCardinality(String)),
    published_at Nullable(DateTime64(3, 'UTC')),
    valid_until  Nullable(DateTime64(3, 'UTC')),
    status       LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, item_id);
