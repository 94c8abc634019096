-- Rows to delete of each stream at most.
select granary.tidy_streams($1);
