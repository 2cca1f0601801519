#!/usr/bin/env bash
# Fail over to the standby database in the second data centre: stop writes, wait for replay, promote.
set -euo pipefail
psql --host=primary -c "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();"
until [ "$(psql --host=standby -Atc 'SELECT pg_last_wal_replay_lsn() = pg_last_wal_receive_lsn()')" = t ]; do sleep 1; done
ssh standby pg_ctl promote
