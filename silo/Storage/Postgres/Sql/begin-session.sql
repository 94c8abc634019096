-- What each connection begins with. Statements are the store's own and few: they are planned once, for any values, and never by a scan of a whole table where there is an
-- index. As parameters of the connection's start, PgBouncer would not let these through.
-- Returns which of the servers that the database was on this one is, counted from 1, and whether nobody has noticed it before.
select generation, is_news,
    set_config('plan_cache_mode', 'force_generic_plan', false),
    -- What waits for the disk does, whatever the database, or the role, has been told.
    set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, false),
    set_config('jit', 'off', false),
    set_config('enable_seqscan', 'off', false),
    set_config('enable_bitmapscan', 'off', false),
    set_config('enable_mergejoin', 'off', false)
from granary.notice_server();
