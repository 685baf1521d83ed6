-- Push campaigns: what is to be sent to whom, who changed and approved it. `version` counts every change,
-- `put_in` is the one in which the plan was last written; `enlisted_at` is set once all recipients are written.
CREATE TABLE campaigns
(
    campaign_id VARCHAR(64)  NOT NULL PRIMARY KEY,
    version     INTEGER      NOT NULL,
    state       VARCHAR(16)  NOT NULL,
    plan        JSON         NOT NULL,
    put_in      INTEGER      NOT NULL,
    authors     JSON         NOT NULL,
    approved_by VARCHAR(64)  NOT NULL,
    origin      VARCHAR(256) NOT NULL,
    issuer      VARCHAR(200) NOT NULL,
    made_at     $time        NOT NULL,
    changed_at  $time        NOT NULL,
    enlisted_at $time
);

CREATE INDEX campaigns_state ON campaigns (state);

CREATE INDEX campaigns_origin ON campaigns (origin);

-- Every version of each campaign, never changed.
CREATE TABLE campaign_versions
(
    campaign_id VARCHAR(64) NOT NULL,
    version     INTEGER     NOT NULL,
    state       VARCHAR(16) NOT NULL,
    plan        JSON        NOT NULL,
    who         VARCHAR(64) NOT NULL,
    action      VARCHAR(16) NOT NULL,
    why         TEXT        NOT NULL,
    at          $time       NOT NULL,
    PRIMARY KEY (campaign_id, version)
);

-- One row a person and channel of a campaign; of who is held out one row with an empty channel.
CREATE TABLE deliveries
(
    delivery_key VARCHAR(32) NOT NULL PRIMARY KEY,
    campaign_id  VARCHAR(64) NOT NULL,
    version      INTEGER     NOT NULL,
    subject      VARCHAR(64) NOT NULL,
    channel      VARCHAR(16) NOT NULL,
    state        VARCHAR(16) NOT NULL,
    reason       VARCHAR(64) NOT NULL,
    attempts     INTEGER     NOT NULL,
    due_at       $time       NOT NULL,
    done_at      $time,
    reported     INTEGER     NOT NULL
);

CREATE INDEX deliveries_due ON deliveries (state, campaign_id, due_at);

CREATE INDEX deliveries_subject ON deliveries (subject, done_at);

CREATE INDEX deliveries_reported ON deliveries (reported, done_at);

-- 站内信. The words are those of the campaign; a row says whose message it is, and what became of it.
CREATE TABLE inbox
(
    delivery_key VARCHAR(32) NOT NULL PRIMARY KEY,
    subject      VARCHAR(64) NOT NULL,
    campaign_id  VARCHAR(64) NOT NULL,
    version      INTEGER     NOT NULL,
    at           $time       NOT NULL,
    read_at      $time,
    deleted_at   $time
);

CREATE INDEX inbox_subject ON inbox (subject, at);

-- What people decided about pushes: of a channel, a topic, or both; an empty word stands for all.
CREATE TABLE subscriptions
(
    subject VARCHAR(64) NOT NULL,
    channel VARCHAR(16) NOT NULL,
    topic   VARCHAR(64) NOT NULL,
    is_on   BOOLEAN     NOT NULL,
    since   $time       NOT NULL,
    PRIMARY KEY (subject, channel, topic)
);

INSERT INTO counters (name, value) VALUES ('campaigns_version', 0);

INSERT INTO counters (name, value) VALUES ('campaigns_catalogue', -1);
