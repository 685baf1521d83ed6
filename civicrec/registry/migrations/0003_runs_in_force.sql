-- The one run that an operator put in force instead of the newest; no row while none is.
CREATE TABLE chosen_run
(
    run   VARCHAR(64) NOT NULL PRIMARY KEY,
    since $time       NOT NULL,
    who   VARCHAR(64) NOT NULL,
    why   TEXT        NOT NULL
);

-- Whether a run was kept out of force when it was made, because it lost; of a run from before this: false.
ALTER TABLE runs ADD COLUMN is_refused BOOLEAN NOT NULL DEFAULT FALSE;
