select value, version
from granary.rows
where kind = $1 and key = $2;
