-- The last flush of a store ($1) that the database knows.
select flush from granary.writers where id = $1;
