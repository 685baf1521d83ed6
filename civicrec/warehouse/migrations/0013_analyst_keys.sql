-- What the pseudonyms that analysts see are made with, the newest in force (docs/decisions/211-what-analysts-see.md).
CREATE TABLE IF NOT EXISTS analyst_keys
(
    made_at DateTime64(3, 'UTC'),
    key_0   UInt64,
    key_1   UInt64
)
ENGINE = MergeTree
ORDER BY made_at
TTL toDate(made_at) + INTERVAL 7 DAY;
