-- In how many seconds the next message of the outbox is due; null: there is none.
select extract(epoch from min(due) - now())::float8 from granary.outbox;
