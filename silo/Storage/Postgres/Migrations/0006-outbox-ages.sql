-- Since when a message of the outbox waits: when the transaction began that put it there. What is there already counts from now on.
alter table granary.outbox add column added timestamptz not null default now();
