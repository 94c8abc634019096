select key, value, version
from granary.rows
where kind = $1;
