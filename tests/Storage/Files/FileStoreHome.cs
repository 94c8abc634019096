using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Granary.Testing.Logs;
using Microsoft.Extensions.Logging;

namespace Granary.Storage.Tests.Files;

/// <summary>A folder of its own, which is gone after the test.</summary>
internal sealed class FileStoreHome(Disk? disk = null, Func<FileStoreOptions, FileStoreOptions>? configure = null, TimeProvider? time = null) : IStoreHome
{
    private readonly string _root = Directory.CreateTempSubdirectory("granary-store-").FullName;
    private int _crashes;

    /// <summary>Where the store is; the copy that a crash leaves is somewhere else.</summary>
    public string Folder => Path.Combine(_root, $"data{_crashes}");

    public string[] Segments => [.. Directory.GetFiles(Path.Combine(Folder, "log"), "*.log").Order(StringComparer.Ordinal)];

    public string[] StreamFiles => Directory.Exists(Path.Combine(Folder, "streams")) ? [.. Directory.GetFiles(Path.Combine(Folder, "streams")).Order(StringComparer.Ordinal)] : [];

    public LogLines Log { get; } = new();

    /// <summary>Small, so that tests with little data have many segments.</summary>
    public FileStoreOptions Options
    {
        get
        {
            var options = new FileStoreOptions(Folder) { SegmentSize = 128 << 10, DeadBytesAllowed = 256 << 10, CleaningStep = 16 << 10, Reserve = 32 << 10, WrittenAhead = 32 << 10 };
            return configure?.Invoke(options) ?? options;
        }
    }

    public IMessageStore NewStore() => NewStore(repair: false);

    public FileStore NewStore(bool repair) => new(Options with { Repair = repair }, Log, disk ?? new Disk(), time);

    /// <summary>What kill -9 leaves: the files as they are, and no lock.</summary>
    public async Task CrashAsync(IMessageStore store)
    {
        // The files are copied one after the other, which nobody may change meanwhile.
        await ((FileStore)store).WhenMovedAsync();
        var from = Folder;
        _crashes++;
        Copy(from, Folder);
        await store.DisposeAsync();
        Directory.Delete(from, recursive: true);
    }

    public static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock"))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        Log.Watched.Check();
        return ValueTask.CompletedTask;
    }
}

/// <summary>What a store logged.</summary>
internal sealed class LogLines : ILogger<FileStore>
{
    private readonly List<(LogLevel Level, string Text)> _lines = [];

    /// <summary>Where a test announces what the store will log.</summary>
    public WatchedLog Watched { get; } = new();

    public IEnumerable<string> Warnings => Lines(LogLevel.Warning);

    public IEnumerable<string> Errors => Lines(LogLevel.Error);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var text = formatter(state, exception);
        lock (_lines)
        {
            _lines.Add((logLevel, text));
        }

        Watched.Add(new LogLine(DateTimeOffset.Now, logLevel, nameof(FileStore), eventId.Id, text));
    }

    private string[] Lines(LogLevel level)
    {
        lock (_lines)
        {
            return [.. _lines.Where(line => line.Level == level).Select(line => line.Text)];
        }
    }
}

/// <summary>Events that tell of damage.</summary>
internal static class FileStoreEvents
{
    public const int Cut = 3311, AfterFailedSync = 3312, Repaired = 3313, SegmentMissing = 3314, DefinitionLost = 3315;
}
