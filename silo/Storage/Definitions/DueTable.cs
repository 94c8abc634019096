using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Definitions;

/// <summary>What kind of grain has something due.</summary>
internal enum DueKind
{
    Queue,
    Exchange,

    /// <summary>Who keeps users, vhosts and permissions.</summary>
    Access,
}

/// <summary>
/// When each grain that has something to do by itself is next due, for whoever wakes it after a restart. What is stored is never later than what is due:
/// something earlier is written with the next flush, something later only when what is stored has come up, since being woken too early is harmless.
/// </summary>
/// <param name="isShared">Other silos write to the same table.</param>
internal sealed partial class DueTable(GroupCommit commit, TimeProvider time, bool isShared, ILogger<DueTable> log)
{
    public const string Table = "due";

    /// <summary>Nothing is due.</summary>
    public const long Never = long.MaxValue;

    /// <summary>A grain that was woken and is still due is woken again, in case it was lost with its silo.</summary>
    private static readonly TimeSpan WakeAgainAfter = TimeSpan.FromSeconds(10);

    // All under the commit's gate: callers hold it over several changes.
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<(long At, string Key)> _order = new(Comparer<(long At, string Key)>.Create(
        static (left, right) => left.At != right.At ? left.At.CompareTo(right.At) : string.CompareOrdinal(left.Key, right.Key)));

    /// <summary>Sets when a grain, active on this silo, is next due: Unix milliseconds or <see cref="Never"/>. Stands in line for the next flush on return.</summary>
    public void Set(DueKind kind, string grainKey, long due)
    {
        var key = KeyOf(kind, grainKey);
        lock (commit.Gate)
        {
            if (!_entries.TryGetValue(key, out var entry))
            {
                if (due == Never)
                {
                    return;
                }

                entry = new Entry(key);
                _entries.Add(key, entry);
            }

            Schedule(entry, due);
            entry.Wanted = due;

            // What another silo has written since is not known here.
            var isUnsure = isShared && !entry.IsOwn;
            entry.IsOwn = true;
            if (due < entry.Stored || (isUnsure && due != Never))
            {
                Write(entry);
            }
        }
    }

    /// <summary>A grain that is active nowhere is due then, unless it is due before.</summary>
    public void Advance(DueKind kind, string grainKey, long due)
    {
        lock (commit.Gate)
        {
            if (!_entries.TryGetValue(KeyOf(kind, grainKey), out var entry) || entry.Wanted > due)
            {
                Set(kind, grainKey, due);
                Forget(kind, grainKey);
            }
        }
    }

    /// <summary>Nothing is due any more.</summary>
    public void Clear(DueKind kind, string grainKey) => Set(kind, grainKey, Never);

    /// <summary>The grain is no longer active here: another silo may have it next.</summary>
    public void Forget(DueKind kind, string grainKey)
    {
        lock (commit.Gate)
        {
            if (_entries.TryGetValue(KeyOf(kind, grainKey), out var entry))
            {
                entry.IsOwn = false;
            }
        }
    }

    /// <summary>Takes what the store has, but for what grains of this silo know better.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        var rows = await commit.Store.ReadRowsAsync(Table, cancellation).ConfigureAwait(false);
        lock (commit.Gate)
        {
            var gone = _entries.Values.Where(static entry => !entry.IsOwn && entry.Stored == entry.Wanted).ToDictionary(static entry => entry.Key, StringComparer.Ordinal);
            foreach (var row in rows)
            {
                gone.Remove(row.Key.Key);
                Take(row);
            }

            foreach (var entry in gone.Values)
            {
                Remove(entry);
            }
        }
    }

    /// <summary>The grains that are due by now and have not just been woken.</summary>
    public List<(DueKind Kind, string GrainKey)> TakeDue()
    {
        var now = time.GetUtcNow();
        List<(DueKind, string)> due = [];
        lock (commit.Gate)
        {
            while (_order.Count > 0 && _order.Min.At <= now.ToUnixTimeMilliseconds())
            {
                var entry = _entries[_order.Min.Key];
                Schedule(entry, (now + WakeAgainAfter).ToUnixTimeMilliseconds());
                if (TryParse(entry.Key, out var kind, out var grainKey))
                {
                    due.Add((kind, grainKey));
                }
            }
        }

        return due;
    }

    /// <summary>Writes what was put off: entries that the store has too early and that have come up, and those that are done with.</summary>
    public void WriteLate()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        lock (commit.Gate)
        {
            foreach (var entry in _entries.Values)
            {
                if (entry.Stored != entry.Wanted && (entry.Stored <= now || entry.Wanted == Never))
                {
                    Write(entry);
                }
            }
        }
    }

    private static string KeyOf(DueKind kind, string grainKey) => $"{NameOf(kind)} {grainKey}";

    private static string NameOf(DueKind kind) => kind switch
    {
        DueKind.Queue => "queue",
        DueKind.Exchange => "exchange",
        _ => "access",
    };

    private static bool TryParse(string key, out DueKind kind, out string grainKey)
    {
        var space = key.IndexOf(' ', StringComparison.Ordinal);
        grainKey = key[(space + 1)..];
        (kind, var isKnown) = key.AsSpan(0, Math.Max(space, 0)) switch
        {
            "queue" => (DueKind.Queue, true),
            "exchange" => (DueKind.Exchange, true),
            "access" => (DueKind.Access, true),
            _ => (default, false),
        };
        return isKnown;
    }

    private void Take(Row row)
    {
        var key = row.Key.Key;
        if (!TryParse(key, out _, out _) || !long.TryParse(row.Value.Span, NumberStyles.None, CultureInfo.InvariantCulture, out var due))
        {
            LogUnknown(key);
            return;
        }

        if (!_entries.TryGetValue(key, out var entry))
        {
            entry = new Entry(key);
            _entries.Add(key, entry);
        }
        else if (entry.IsOwn || entry.Stored == due)
        {
            return;
        }

        entry.Stored = entry.Wanted = due;
        Schedule(entry, due);
    }

    private void Schedule(Entry entry, long at)
    {
        _order.Remove((entry.WakeAt, entry.Key));
        entry.WakeAt = at;
        if (at != Never)
        {
            _order.Add((at, entry.Key));
        }
    }

    private void Remove(Entry entry)
    {
        _order.Remove((entry.WakeAt, entry.Key));
        _entries.Remove(entry.Key);
    }

    private void Write(Entry entry)
    {
        var value = entry.Wanted == Never ? (ReadOnlyMemory<byte>?)null : Encoding.ASCII.GetBytes(entry.Wanted.ToString(CultureInfo.InvariantCulture));
        entry.Stored = entry.Wanted;
        _ = WriteAsync(new RowChange(new RowKey(Table, entry.Key), value));
        if (entry.Wanted == Never)
        {
            Remove(entry);
        }
    }

    private async Task WriteAsync(RowChange change)
    {
        try
        {
            await commit.WriteAsync(change).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is StoreUnavailableException or ObjectDisposedException)
        {
            LogNotWritten(exception, change.Key.Key);
        }
    }

    [LoggerMessage(3324, LogLevel.Debug, "The store was closed before it had when {Key} is due")]
    private partial void LogNotWritten(Exception exception, string key);

    [LoggerMessage(3325, LogLevel.Debug, "What is due names {Key}, which this version does not know; it is left alone")]
    private partial void LogUnknown(string key);

    private sealed class Entry(string key)
    {
        public string Key { get; } = key;

        /// <summary>What the store has, or will have when what stands in line is written.</summary>
        public long Stored { get; set; } = Never;

        /// <summary>What it is to have. As <see cref="Stored"/> in Unix milliseconds, or <see cref="Never"/>.</summary>
        public long Wanted { get; set; } = Never;

        /// <summary>When it is to be activated here, in Unix milliseconds, or <see cref="Never"/>.</summary>
        public long WakeAt { get; set; } = Never;

        /// <summary>Set by a grain that is active on this silo.</summary>
        public bool IsOwn { get; set; }
    }
}
