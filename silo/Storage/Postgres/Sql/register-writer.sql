-- A store that starts ($1); those that have written nothing for a day are gone.
with forgotten as
(
    delete from granary.writers where written_at < now() - interval '1 day'
)
insert into granary.writers (id) values ($1)
on conflict do nothing;
