using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Silo.Transactions;
using Npgsql;

namespace Granary.Silo.Outbox;

/// <summary>
/// The turn of one silo at the outbox: a transaction of the database in which messages are read, and deleted or postponed. All others wait meanwhile, so that messages stay in
/// their order. Nothing has happened unless it is committed.
/// </summary>
internal sealed class OutboxTurn : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;

    private OutboxTurn(NpgsqlConnection connection, NpgsqlTransaction transaction) => (_connection, _transaction) = (connection, transaction);

    /// <returns>Null: it is another silo's turn.</returns>
    public static async Task<OutboxTurn?> TryBeginAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var turn = new OutboxTurn(connection, await connection.BeginTransactionAsync(cancellation).ConfigureAwait(false));
        await using (var command = turn.NewCommand(SqlText.BeginOutbox))
        {
            if (await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false) is true)
            {
                return turn;
            }
        }

        await turn.DisposeAsync().ConfigureAwait(false);
        return null;
    }

    /// <summary>Those that are due, the first ones first.</summary>
    /// <param name="most">So many.</param>
    /// <param name="bytes">So many bytes of bodies; the first comes in any case.</param>
    public async Task<List<OutboxMessage>> ReadAsync(int most, long bytes, CancellationToken cancellation)
    {
        await using var command = NewCommand(SqlText.ReadOutbox, most, bytes);
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        List<OutboxMessage> messages = [];
        while (await row.ReadAsync(cancellation).ConfigureAwait(false))
        {
            messages.Add(new OutboxMessage(
                row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetFieldValue<byte[]>(5), row.GetBoolean(6)));
        }

        return messages;
    }

    /// <returns>In how long the next message is due; null: there is none.</returns>
    public async Task<TimeSpan?> ReadNextAsync(CancellationToken cancellation)
    {
        await using var command = NewCommand(SqlText.NextOutbox);
        return await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false) is double seconds ? TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 3600)) : null;
    }

    /// <summary>Deletes the messages and decides that the transaction takes effect which has them published: both, or neither. Ends the turn.</summary>
    /// <returns>False: neither, since somebody deleted some of them, or has decided otherwise.</returns>
    public async Task<bool> TryDecideAsync(long[] messages, TransactionId id, DateTimeOffset now)
    {
        var isDecided = false;
        try
        {
            if (await TryWriteAsync(messages, TransactionDecisions.Decision(id, takesEffect: true, now)).ConfigureAwait(false))
            {
                await _transaction.CommitAsync().ConfigureAwait(false);
                isDecided = true;
            }
        }
        finally
        {
            if (!isDecided)
            {
                // Whoever decides otherwise now writes the same row, and would wait for this transaction.
                await _transaction.DisposeAsync().ConfigureAwait(false);
            }
        }

        return isDecided;
    }

    /// <summary>There is no queue for these.</summary>
    public async Task DeleteAsync(long[] messages)
    {
        await using var command = NewCommand(SqlText.DeleteOutbox, messages);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>These cannot be published yet.</summary>
    /// <returns>How many of them had not been tried before.</returns>
    public async Task<long> PostponeAsync(IReadOnlyCollection<(OutboxMessage Message, string Reason)> refused)
    {
        await using var command = NewCommand(SqlText.PostponeOutbox, refused.Select(static one => one.Message.Id).ToArray(), refused.Select(static one => one.Reason).ToArray());
        return (long)(await command.ExecuteScalarAsync().ConfigureAwait(false))!;
    }

    /// <summary>Ends the turn.</summary>
    public Task CommitAsync() => _transaction.CommitAsync();

    public ValueTask DisposeAsync() => _transaction.DisposeAsync();

    private async Task<bool> TryWriteAsync(long[] messages, RowChange decision)
    {
        await using var command = NewCommand(SqlText.DecideOutbox, messages, decision.Key.Table, decision.Key.Key, decision.Value!.Value.ToArray());
        await using var row = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await row.ReadAsync().ConfigureAwait(false);
        return row.GetInt64(0) == messages.Length && !row.GetBoolean(1);
    }

    private NpgsqlCommand NewCommand(string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, _connection, _transaction);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command;
    }
}
