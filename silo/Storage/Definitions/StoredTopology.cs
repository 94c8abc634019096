using System.Text.Json;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Definitions;

/// <summary>
/// Which queues and exchanges the store has, for lists: those that nobody uses are in it alone, and are not to be activated for that. What was read is believed
/// for a few seconds; whoever lists knows better of what is active, or was deleted meanwhile.
/// </summary>
/// <param name="commit">Asked for when something is read: the store is opened after the process was put together.</param>
internal sealed partial class StoredTopology(Func<GroupCommit> commit, TimeProvider time, ILogger<StoredTopology> log) : IDisposable
{
    private const string QueueTable = "queue";
    private const string ExchangeTable = "exchange";

    private static readonly TimeSpan Believed = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CountBelieved = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private Reading? _withBindings;
    private Reading? _withoutBindings;
    private Reading? _counted;

    /// <exception cref="StoreUnavailableException">It cannot be said.</exception>
    public async Task<StoredFigures> ReadAsync(bool withBindings, CancellationToken cancellation)
    {
        if (Known(withBindings) is { } known)
        {
            return known;
        }

        await _gate.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return Known(withBindings) ?? await ReadStoreAsync(withBindings, cancellation).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>One queue, as the store has it now.</summary>
    public async Task<StoredFigures> FindAsync(string key, CancellationToken cancellation)
    {
        var row = await commit().Store.ReadRowAsync(new RowKey(QueueTable, key), cancellation).ConfigureAwait(false);
        return new StoredFigures { Queues = row is not null && ToQueue(row) is { } queue ? [queue] : [] };
    }

    /// <summary>How many messages the store has of each queue. What was counted is believed for a minute: nothing changes of a queue that nobody uses.</summary>
    public async Task<StoredFigures> CountMessagesAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_counted is not { } counted || time.GetElapsedTime(counted.At) >= CountBelieved)
            {
                var at = time.GetTimestamp();
                var messages = new Dictionary<string, long>(StringComparer.Ordinal);
                foreach (var (queue, count) in await commit().Store.CountMessagesAsync(cancellation).ConfigureAwait(false))
                {
                    messages[queue.Key] = messages.GetValueOrDefault(queue.Key) + count;
                }

                _counted = counted = new Reading(at, new StoredFigures { Messages = messages });
            }

            return counted.Figures;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private StoredFigures? Known(bool withBindings)
    {
        foreach (var reading in new[] { Volatile.Read(ref _withBindings), withBindings ? null : Volatile.Read(ref _withoutBindings) })
        {
            if (reading is not null && time.GetElapsedTime(reading.At) < Believed)
            {
                return reading.Figures;
            }
        }

        return null;
    }

    private async Task<StoredFigures> ReadStoreAsync(bool withBindings, CancellationToken cancellation)
    {
        var at = time.GetTimestamp();
        var store = commit().Store;
        var queues = await store.ReadRowsAsync(QueueTable, cancellation).ConfigureAwait(false);
        var exchanges = await store.ReadRowsAsync(ExchangeTable, cancellation).ConfigureAwait(false);
        var bindings = withBindings
            ? (await store.ReadTablesAsync(BindingRows.TableOf(""), cancellation).ConfigureAwait(false))
                .ToLookup(row => BindingRows.ExchangeOf(row.Key), StringComparer.Ordinal)
            : null;
        var figures = new StoredFigures
        {
            Queues = [.. queues.Select(ToQueue).OfType<QueueFigure>()],
            Exchanges = [.. exchanges.Select(ToExchange).OfType<ExchangeFigure>(), .. Predeclared()],
        };
        Volatile.Write(ref withBindings ? ref _withBindings : ref _withoutBindings, new Reading(at, figures));
        return figures;

        ExchangeFigure? ToExchange(Row row) => Parse(row, DefinitionsJson.Default.ExchangeState)?.Declaration is { } declaration
            ? new ExchangeFigure(row.Key.Key, declaration, BindingsOf(row.Key.Key))
            : null;

        // They are stored nowhere, but for their bindings.
        IEnumerable<ExchangeFigure> Predeclared() =>
            from key in bindings?.Select(rows => rows.Key) ?? []
            let declaration = PredeclaredExchanges.All.GetValueOrDefault(GrainKeys.Parse(key).Name)
            where declaration is not null
            select new ExchangeFigure(key, declaration, BindingsOf(key));

        Binding[] BindingsOf(string exchange) => bindings is null ? [] : [.. bindings[exchange].Select(BindingRows.Parse)];
    }

    private QueueFigure? ToQueue(Row row) =>
        !IsHidden(row.Key.Key) && Parse(row, DefinitionsJson.Default.QueueState)?.Declaration is { } declaration ? new QueueFigure(row.Key.Key, declaration) : null;

    // An exchange's own, which no list of queues has.
    private static bool IsHidden(string key) => HiddenQueue.IsHidden(GrainKeys.Parse(key).Name);

    private T? Parse<T>(Row row, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(row.Value.Span, type);
        }
        catch (JsonException exception)
        {
            // Its activation tells the operator; a list is not to end with it.
            LogNotRead(exception, row.Key.Key);
            return null;
        }
    }

    [LoggerMessage(3329, LogLevel.Debug, "The stored definition of {Key} cannot be read: lists go without it")]
    private partial void LogNotRead(Exception exception, string key);

    private sealed record Reading(long At, StoredFigures Figures);
}
