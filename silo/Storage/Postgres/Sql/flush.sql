-- One part of a flush; the columns of each kind of change are arrays of one length. The last four are rows that change only if no queue is fenced, in the last part; where
-- the flush is repeated, as its answer was lost, those that expect that there is none find what they have written.
with written as materialized
(
    select fenced_queues, conflicting_rows
    from granary.flush(
        $1, $2, $3, $4,
        $5, $6, $7,
        $8, $9, $10, $11, $12, $13,
        $14, $15, $16,
        $17, $18, $19,
        $20, $21,
        $22, $23, $24, $25,
        $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)
)
select fenced_queues, conflicting_rows,
    case
        when cardinality($37) = 0 then '{}'
        when fenced_queues = '{}' then granary.change_rows($37, $38, $39, $40)
        else array(select generate_series(0, cardinality($37) - 1))
    end
from written;
