-- Nobody read these: reports count the events (docs/decisions/140-reports-count-events.md).
DROP TABLE IF EXISTS item_daily SYNC;
DROP TABLE IF EXISTS traffic_daily SYNC;
DROP TABLE IF EXISTS item_daily_staging SYNC;
DROP TABLE IF EXISTS traffic_daily_staging SYNC;
