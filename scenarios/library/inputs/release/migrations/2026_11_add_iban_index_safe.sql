-- Release 2026.11, change CHG0041877, second draft: nothing here blocks a booking.

SET lock_timeout = '2s';

CREATE TABLE iban_alias (
    alias_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL,
    iban        varchar(34) NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX iban_alias_account_idx ON iban_alias (account_id);

ALTER TABLE accounts ADD COLUMN iban_country char(2);

CREATE INDEX CONCURRENTLY accounts_iban_idx ON accounts (iban);

UPDATE accounts SET iban_country = 'DE'
WHERE branch = 'DE' AND iban_country IS NULL AND account_id BETWEEN 1 AND 50000;
