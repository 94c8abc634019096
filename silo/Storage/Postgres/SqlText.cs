namespace Granary.Silo.Storage.Postgres;

/// <summary>The SQL that is embedded as files.</summary>
internal static class SqlText
{
    public static readonly string ReadRoom = Read("Sql/read-room.sql");
    public static readonly string BeginSession = Read("Sql/begin-session.sql");
    public static readonly string PrepareFormat = Read("Sql/prepare-format.sql");
    public static readonly string Flush = Read("Sql/flush.sql");
    public static readonly string FlushOne = Read("Sql/flush-one.sql");
    public static readonly string ReadBatches = Read("Sql/read-batches.sql");
    public static readonly string ReadRanges = Read("Sql/read-ranges.sql");
    public static readonly string ReadOverlap = Read("Sql/read-overlap.sql");
    public static readonly string ReadHeads = Read("Sql/read-heads.sql");
    public static readonly string ReadSettled = Read("Sql/read-settled.sql");
    public static readonly string ReadLinks = Read("Sql/read-links.sql");
    public static readonly string ReadRow = Read("Sql/read-row.sql");
    public static readonly string ReadRows = Read("Sql/read-rows.sql");
    public static readonly string CountMessages = Read("Sql/count-messages.sql");
    public static readonly string ReadTables = Read("Sql/read-tables.sql");
    public static readonly string FenceLost = Read("Sql/fence-lost.sql");
    public static readonly string RegisterWriter = Read("Sql/register-writer.sql");
    public static readonly string ReadWriter = Read("Sql/read-writer.sql");
    public static readonly string TakeIds = Read("Sql/take-ids.sql");
    public static readonly string TakeOver = Read("Sql/take-over.sql");
    public static readonly string FindBlockers = Read("Sql/find-blockers.sql");
    public static readonly string EndBlocker = Read("Sql/end-blocker.sql");
    public static readonly string TidyRing = Read("Sql/tidy-ring.sql");
    public static readonly string TidyStreams = Read("Sql/tidy-streams.sql");
    public static readonly string BeginOutbox = Read("Sql/begin-outbox.sql");
    public static readonly string ReadOutbox = Read("Sql/read-outbox.sql");
    public static readonly string NextOutbox = Read("Sql/next-outbox.sql");
    public static readonly string DecideOutbox = Read("Sql/decide-outbox.sql");
    public static readonly string DeleteOutbox = Read("Sql/delete-outbox.sql");
    public static readonly string OutboxWaiting = Read("Sql/outbox-waiting.sql");
    public static readonly string PostponeOutbox = Read("Sql/postpone-outbox.sql");

    /// <summary>All migrations by their number, from 1 without a gap.</summary>
    public static IReadOnlyList<string> ReadMigrations()
    {
        var names = typeof(SqlText).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("Migrations/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        return [.. names.Select(Read)];
    }

    private static string Read(string name)
    {
        using var stream = typeof(SqlText).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
