-- A store that starts ($1); those that have written nothing for a year are gone, and no store that only rests.
with forgotten as
(
    delete from granary.writers where written_at < now() - interval '1 year'
)
insert into granary.writers (id) values ($1)
on conflict do nothing;
