-- Who takes a queue over locks the writer of his process, so that nobody is told meanwhile that it is gone (for key share). Such locks and the flushes of the same process need not wait for each
-- other: as before, a flush waits for an earlier attempt at it, and who deletes the writer for both.
do $$
declare
    before text := pg_get_functiondef('granary.flush'::regproc);
    old    text := 'from granary.writers w where w.id = writer_id for update;';
begin
    if position(old in before) = 0 then
        raise exception 'The function granary.flush is not the one of format 10.';
    end if;

    execute replace(before, old, 'from granary.writers w where w.id = writer_id for no key update;');
end
$$;
