-- What items are called by number while pairs of them are counted here (docs/decisions/194-pairs-counted-in-the-warehouse.md).
CREATE TABLE IF NOT EXISTS item_numbers
(
    day     Date,
    item_id String,
    number  UInt32
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, item_id);
