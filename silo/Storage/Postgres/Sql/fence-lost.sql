-- From here on no silo that was declared dead before this writes anything.
select granary.fence_lost();
