-- A store that starts ($1), and of which silo ($2; null: of none); those that have written nothing for a year are gone, and no store that only rests.
with forgotten as
(
    delete from granary.writers where written_at < now() - interval '1 year'
)
insert into granary.writers (id, silo) values ($1, $2)
on conflict do nothing;
