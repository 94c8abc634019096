using System.Globalization;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Gives ids for queues and for shared bytes, a round trip for each 1,024. One that is not used in the end is lost; there are enough.</summary>
internal sealed class QueueIds(NpgsqlDataSource database)
{
    // As the sequence's increment.
    private const int BlockSize = 1024;

    private readonly Lock _gate = new();
    private long _next;
    private long _end;

    public async ValueTask<long> TakeAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_next < _end)
            {
                return _next++;
            }
        }

        await using var command = database.CreateCommand(SqlText.TakeIds);
        var first = Convert.ToInt64(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false), CultureInfo.InvariantCulture);
        lock (_gate)
        {
            _next = first + 1;
            _end = first + BlockSize;
            return first;
        }
    }
}
