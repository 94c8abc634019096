-- Messages of the outbox that went nowhere.
delete from granary.outbox where id = any ($1);
