-- A whole flush of the common kind: one queue, one batch or none, one link or none.
select granary.flush_one($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);
