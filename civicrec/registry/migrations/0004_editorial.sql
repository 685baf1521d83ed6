-- What editors decided about items in lists. Kept until removed, also when their time is over: they are listed as expired.
CREATE TABLE editorial
(
    number   INTEGER          NOT NULL PRIMARY KEY,
    kind     VARCHAR(8)       NOT NULL,
    item_id  VARCHAR(128)     NOT NULL,
    scene    VARCHAR(32)      NOT NULL,
    position INTEGER          NOT NULL,
    factor   DOUBLE PRECISION NOT NULL,
    begins   $time,
    ends     $time,
    told     VARCHAR(64)      NOT NULL,
    who      VARCHAR(64)      NOT NULL,
    why      TEXT             NOT NULL,
    made_at  $time            NOT NULL
);
