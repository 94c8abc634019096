-- Messages of the outbox that could not be published: tried again after a second, and after twice as long each time, up to a minute. Returns how many failed for the first time.
with late as
(
    update granary.outbox o
    set tries = tries + 1, reason = f.reason, due = now() + least(interval '1 second' * 2 ^ least(tries, 6), interval '1 minute')
    from unnest($1, $2) as f (id, reason)
    where o.id = f.id
    returning o.tries
)
select count(*) from late where tries = 1;
