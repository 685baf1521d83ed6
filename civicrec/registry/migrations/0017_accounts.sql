-- Accounts of the console. Nobody's row is removed, only disabled: the audit log names them.
CREATE TABLE accounts
(
    name          VARCHAR(64)  NOT NULL PRIMARY KEY,
    display_name  VARCHAR(64)  NOT NULL,
    roles         JSON         NOT NULL,
    password_hash VARCHAR(256) NOT NULL,
    password_at   $time        NOT NULL,
    must_change   BOOLEAN      NOT NULL,
    outside_id    VARCHAR(512) NOT NULL,
    created_at    $time        NOT NULL,
    signed_in_at  $time,
    disabled_at   $time
);

CREATE INDEX accounts_outside_id ON accounts (outside_id);

-- Signed-in browsers; of the id in the cookie only a digest.
CREATE TABLE console_sessions
(
    number   $serial      NOT NULL PRIMARY KEY,
    digest   VARCHAR(64)  NOT NULL,
    account  VARCHAR(64)  NOT NULL,
    browser  VARCHAR(120) NOT NULL,
    begun_at $time        NOT NULL,
    used_at  $time        NOT NULL
);

CREATE UNIQUE INDEX console_sessions_digest ON console_sessions (digest);
CREATE INDEX console_sessions_account ON console_sessions (account);

-- Browsers that signed in to an account before: who guesses elsewhere does not keep them out.
CREATE TABLE known_browsers
(
    digest  VARCHAR(64) NOT NULL PRIMARY KEY,
    account VARCHAR(64) NOT NULL,
    since   $time       NOT NULL
);

CREATE INDEX known_browsers_account ON known_browsers (account);

-- Attempts to sign in that failed, by what they are counted against: a digest of an account, an address or a browser.
CREATE TABLE failed_sign_ins
(
    counted_against VARCHAR(64) NOT NULL PRIMARY KEY,
    n               INTEGER     NOT NULL,
    last_at         $time       NOT NULL
);

CREATE INDEX failed_sign_ins_last_at ON failed_sign_ins (last_at);

INSERT INTO counters (name, value) VALUES ('accounts_version', 0);
