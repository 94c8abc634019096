using System.Globalization;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Whether the server has room for the connections of one more process, and lets it keep them: asked before anything else is.</summary>
internal static class ServerRoom
{
    private const string WhatToDo = "Give it more (max_connections, or the limit of the user or database), or end what holds them; docs/operations.md, \"Connections to PostgreSQL\", says how many each process opens.";

    /// <param name="database">For checks, with two connections.</param>
    /// <param name="needed">How many connections the process opens at the most.</param>
    /// <returns>Something stands between, and answers for the server: what it says of a connection is not the server's number for it.</returns>
    /// <exception cref="StoreException">It does not; the message says what to do.</exception>
    public static async Task<bool> CheckAsync(NpgsqlDataSource database, int needed, CancellationToken cancellation)
    {
        try
        {
            return await LookAsync(database, needed, cancellation).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.TooManyConnections)
        {
            throw new StoreException($"PostgreSQL has no room for another connection, and this process opens up to {needed}: {exception.MessageText}. {WhatToDo}", exception);
        }
    }

    private static async Task<bool> LookAsync(NpgsqlDataSource database, int needed, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation).ConfigureAwait(false);
        int backend, room;
        string limit;
        await using (var command = new NpgsqlCommand(SqlText.ReadRoom, connection))
        await using (var row = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false))
        {
            await row.ReadAsync(cancellation).ConfigureAwait(false);
            (backend, limit, room) = (row.GetInt32(0), row.GetString(1), row.GetInt32(2));
        }

        var isPooled = backend != connection.ProcessID;
        if (isPooled && await SharedBackends.AreFoundAsync(connection, database, cancellation).ConfigureAwait(false))
        {
            throw new StoreException(
                "The connection string leads to PgBouncer in transaction mode, or something like it: one connection there is by turns several of PostgreSQL's. Granary needs a session for each: "
                + "connect to PostgreSQL itself, or give the database pool_mode = session.");
        }

        return room >= needed
            ? isPooled
            : throw new StoreException(string.Create(
                CultureInfo.InvariantCulture, $"PostgreSQL has room for {Math.Max(room, 0)} more connections ({limit}), and this process opens up to {needed}. {WhatToDo}"));
    }
}
