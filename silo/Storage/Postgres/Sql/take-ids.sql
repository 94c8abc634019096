-- The first of the next 1,024 ids.
select nextval('granary.ids');
