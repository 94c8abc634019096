-- How many messages are in the outbox, and for how many seconds the first has been; 0, if there is none. Beyond 10,000 they are not counted: the database's statistics know about how many there are.
select case when first.messages < 10000 then first.messages else greatest(first.messages, statistics.messages) end,
    coalesce(extract(epoch from clock_timestamp() - first.added), 0)::float8
from (select count(*) as messages, min(added) as added from (select added from granary.outbox order by id limit 10000) o) first
cross join lateral
(
    select coalesce(max(n_live_tup), 0) as messages from pg_stat_all_tables where first.messages >= 10000 and relid = 'granary.outbox'::regclass
) statistics;
