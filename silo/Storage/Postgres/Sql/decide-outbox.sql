-- Deletes messages of the outbox, and writes that the transaction that has them published takes effect. Returns how many there were, and whether something else was decided before.
with gone as (delete from granary.outbox where id = any ($1) returning id)
select (select count(*) from gone), cardinality(granary.change_rows(array[$2], array[$3], array[$4], array[0::bigint])) > 0;
