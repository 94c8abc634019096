-- Bytes per partition, batches to move at most, whether nothing was written lately.
select granary.tidy_ring($1, $2, $3);
