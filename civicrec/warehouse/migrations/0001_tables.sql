-- The two tables that the stream fills sync each part, so that a power cut takes nothing its ledger counts as stored;
-- the others are rebuilt from them.

-- Raw events, one row each, keyed by event_id: whatever was retried or replayed counts once when read with FINAL.
-- The sorting key holds only facts that a retry repeats, so a repeated event always meets its twin.
CREATE TABLE IF NOT EXISTS events
(
    event_id      UUID,
    kind          LowCardinality(String),
    occurred_at   DateTime64(3, 'UTC'),
    received_at   DateTime64(3, 'UTC'),
    local_date    Date,
    site          LowCardinality(String),
    channel       LowCardinality(String),
    actor         String,
    anonymous_id  String,
    subject_id    String,
    session_id    String,
    item_id       String,
    item_type     LowCardinality(String),
    item_known    UInt8,
    request_id    String,
    scene         LowCardinality(String),
    slot          LowCardinality(String),
    position      Nullable(UInt16),
    variant       LowCardinality(String),
    campaign_id   String,
    query         String,
    url_path      String,
    title         String,
    referrer_type LowCardinality(String),
    active_ms     Nullable(UInt32),
    scroll_pct    Nullable(UInt8),
    value         Nullable(Float64),
    device        LowCardinality(String),
    region        LowCardinality(String),
    bot_reason    LowCardinality(String),
    consent       LowCardinality(String),
    props         String,
    log_offset    UInt64
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (site, local_date, kind, event_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What the stream could not store: the original bytes, why, where, and by which version of the code.
CREATE TABLE IF NOT EXISTS dead_letters
(
    log_offset UInt64,
    piece      UInt32,
    seen_at    DateTime64(3, 'UTC'),
    reason     LowCardinality(String),
    detail     String,
    step       LowCardinality(String),
    version    LowCardinality(String),
    raw        String
)
ENGINE = ReplacingMergeTree
ORDER BY (log_offset, piece)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Per item and day, rebuilt as a whole day (REPLACE PARTITION) from de-duplicated events; never incremented.
CREATE TABLE IF NOT EXISTS item_daily
(
    day         Date,
    item_id     String,
    impressions UInt64,
    clicks      UInt64,
    reads       UInt64,
    active_ms   UInt64,
    actors      UInt64,
    bot_events  UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, item_id);

-- The whole portal per day and kind, rebuilt like item_daily.
CREATE TABLE IF NOT EXISTS traffic_daily
(
    day      Date,
    site     LowCardinality(String),
    channel  LowCardinality(String),
    kind     LowCardinality(String),
    events   UInt64,
    actors   UInt64,
    sessions UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, site, channel, kind);

-- Governed tags per actor as of a day, rebuilt like item_daily.
CREATE TABLE IF NOT EXISTS actor_tags
(
    day        Date,
    actor      String,
    tag        LowCardinality(String),
    weight     Float64,
    evidence   UInt32,
    last_at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (day, actor, tag);
