-- Where each migration that was applied leaves its number.
create schema if not exists granary;

create table if not exists granary.format
(
    version    int primary key,
    applied_at timestamptz not null default now()
);
