-- One silo at a time takes messages from the outbox, so that they stay in their order. One that hangs meanwhile loses its turn with its transaction.
set local idle_in_transaction_session_timeout = '20s';
select pg_try_advisory_xact_lock(hashtext('granary.outbox'));
