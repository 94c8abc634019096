select kind, key, value, version
from granary.rows
where kind >= $1 and starts_with(kind, $1);
