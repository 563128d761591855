-- Floor 2: blocks seal what has been posted.

CREATE TABLE block (
    block_no bigint PRIMARY KEY,
    high bigint NOT NULL,
    pending int8multirange NOT NULL
);
COMMENT ON TABLE block IS 'Sealed journals: those with ids up to high, less the pending ones, less those of earlier blocks.';

CREATE TABLE block_balance (
    client_id integer NOT NULL,
    account account_id NOT NULL,
    block_no bigint NOT NULL,
    balance amount NOT NULL,
    PRIMARY KEY (client_id, account, block_no)
);
COMMENT ON TABLE block_balance IS 'Balance, debit positive, of a house account at the end of a block that changed it.';
