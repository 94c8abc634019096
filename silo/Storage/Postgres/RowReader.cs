using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Reads rows.</summary>
internal sealed class RowReader(NpgsqlDataSource database)
{
    public async Task<Row?> ReadAsync(RowKey key, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.ReadRow);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = TextColumn.Encode(key.Table) });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = TextColumn.Encode(key.Key) });
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        return await row.ReadAsync(cancellation).ConfigureAwait(false)
            ? new Row(key, row.GetFieldValue<byte[]>(0), row.GetInt64(1))
            : null;
    }

    public async Task<IReadOnlyList<Row>> ReadAllAsync(string table, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.ReadRows);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = TextColumn.Encode(table) });
        var rows = new List<Row>();
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await row.ReadAsync(cancellation).ConfigureAwait(false))
        {
            rows.Add(new Row(new RowKey(table, TextColumn.Decode(row.GetString(0))), row.GetFieldValue<byte[]>(1), row.GetInt64(2)));
        }

        return rows;
    }

    public async Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(SqlText.ReadTables);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = TextColumn.Encode(prefix) });
        var rows = new List<Row>();
        await using var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        while (await row.ReadAsync(cancellation).ConfigureAwait(false))
        {
            rows.Add(new Row(
                new RowKey(TextColumn.Decode(row.GetString(0)), TextColumn.Decode(row.GetString(1))), row.GetFieldValue<byte[]>(2), row.GetInt64(3)));
        }

        return rows;
    }
}
