using System.Globalization;
using System.Text;
using Granary.Core.Transactions;
using Granary.Silo.Queues;
using Granary.Silo.Storage;

namespace Granary.Silo.Transactions;

/// <summary>
/// What became of transactions over several queues: one row for each, which is written once, by whoever comes first. That a transaction takes effect is written when all
/// its queues are prepared; that nothing comes of it by a queue that has waited for that in vain. Rows go when nobody can ask any more.
/// </summary>
internal sealed class TransactionDecisions(QueueStores stores, TimeProvider time)
{
    public const string Table = "transactions";

    private const string Yes = "yes";

    // Where nothing is stored.
    private readonly Dictionary<TransactionId, bool> _inMemory = [];

    /// <summary>Decides that it takes effect, unless something else has been decided.</summary>
    /// <returns>Whether it takes effect.</returns>
    public ValueTask<bool> DecideAsync(TransactionId id) => WriteAsync(id, takesEffect: true);

    /// <summary>A queue is prepared, and nobody tells it what becomes of that: nothing does, unless something else has been decided.</summary>
    /// <returns>Whether it takes effect.</returns>
    public ValueTask<bool> ResolveAsync(TransactionId id) => WriteAsync(id, takesEffect: false);

    /// <summary>Nobody asks any more.</summary>
    public async ValueTask ForgetAsync(TransactionId id)
    {
        if (stores.Durable is { } commit)
        {
            await commit.WriteAsync(new RowChange(KeyOf(id), null), isUrgent: false).ConfigureAwait(false);
            return;
        }

        lock (_inMemory)
        {
            _inMemory.Remove(id);
        }
    }

    /// <summary>What is to be written, unless there is something, to decide that a transaction takes effect, or that nothing comes of it.</summary>
    public static RowChange Decision(TransactionId id, bool takesEffect, DateTimeOffset at) =>
        new(KeyOf(id), Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{(takesEffect ? Yes : "no")} {at.ToUnixTimeMilliseconds()}")), Expected: 0);

    /// <exception cref="StoreException">The row is none of a transaction.</exception>
    public static (TransactionId Id, bool TakesEffect, DateTimeOffset At) Parse(Row row)
    {
        var words = Encoding.UTF8.GetString(row.Value.Span).Split(' ');
        return Guid.TryParseExact(row.Key.Key, "n", out var id) && words.Length == 2 && long.TryParse(words[1], CultureInfo.InvariantCulture, out var at)
            ? (new TransactionId(id), words[0] == Yes, DateTimeOffset.FromUnixTimeMilliseconds(at))
            : throw new StoreException($"The stored row '{row.Key.Key}' of '{row.Key.Table}' is none of a transaction.");
    }

    private async ValueTask<bool> WriteAsync(TransactionId id, bool takesEffect)
    {
        if (stores.Durable is not { } commit)
        {
            lock (_inMemory)
            {
                return _inMemory.TryAdd(id, takesEffect) ? takesEffect : _inMemory[id];
            }
        }

        var decision = Decision(id, takesEffect, time.GetUtcNow());
        while (true)
        {
            try
            {
                await commit.WriteAsync(decision).ConfigureAwait(false);
                return takesEffect;
            }
            catch (RowConflictException)
            {
                // Somebody was faster, or this was asked before. Gone again: everybody knew, and who asks now was late.
                if (await commit.Store.ReadRowAsync(KeyOf(id), CancellationToken.None).ConfigureAwait(false) is { } row)
                {
                    return Parse(row).TakesEffect;
                }
            }
        }
    }

    private static RowKey KeyOf(TransactionId id) => new(Table, id.Value.ToString("n"));
}
