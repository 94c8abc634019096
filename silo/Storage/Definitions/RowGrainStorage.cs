using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Orleans.Storage;

namespace Granary.Silo.Storage.Definitions;

/// <summary>
/// Grain state as rows of the message store: table, the state's name; key, the grain's; value, JSON. A write stands in line for the next flush when the
/// call returns, before it is awaited: whoever holds <see cref="GroupCommit.Gate"/> over several has them written together, and
/// a grain may write again while a write is under way.
/// </summary>
internal sealed class RowGrainStorage(GroupCommit commit, TimeProvider time) : IGrainStorage
{
    /// <summary>Of a state that another one has written since: whatever is written on top of it fails as well.</summary>
    private const string Lost = "-1";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(250);

    /// <summary>Below the time after which callers of an activation that does not come give up, so that it is told apart from one that hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var row = await ReadAsync(KeyOf(stateName, grainId), cancellationToken).ConfigureAwait(false);
        grainState.State = row is null ? Activator.CreateInstance<T>() : JsonSerializer.Deserialize(row.Value.Span, TypeInfo<T>());
        grainState.ETag = row?.Version.ToString(CultureInfo.InvariantCulture);
        grainState.RecordExists = row is not null;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var expected = VersionOf(grainState.ETag);
        var value = JsonSerializer.SerializeToUtf8Bytes(grainState.State!, TypeInfo<T>());
        var written = commit.WriteAsync(new RowChange(KeyOf(stateName, grainId), value, expected));

        // What comes next builds on this change, whether or not it is written yet. If it never is, neither is what comes next.
        grainState.ETag = (expected + 1).ToString(CultureInfo.InvariantCulture);
        grainState.RecordExists = true;
        return TranslateAsync(written, grainState, expected);
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var expected = VersionOf(grainState.ETag);
        var written = expected == 0 ? Task.CompletedTask : commit.WriteAsync(new RowChange(KeyOf(stateName, grainId), null, expected));
        grainState.State = Activator.CreateInstance<T>();
        grainState.ETag = null;
        grainState.RecordExists = false;
        return TranslateAsync(written, grainState, expected);
    }

    private static RowKey KeyOf(string stateName, GrainId grainId) => new(stateName, grainId.Key.ToString());

    private static long VersionOf(string? etag) => etag is null ? 0 : long.Parse(etag, CultureInfo.InvariantCulture);

    private static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>?)DefinitionsJson.Default.GetTypeInfo(typeof(T))
        ?? throw new InvalidOperationException($"{typeof(T)} is not among the types of {nameof(DefinitionsJson)}.");

    private static async Task TranslateAsync<T>(Task written, IGrainState<T> grainState, long expected)
    {
        try
        {
            await written.ConfigureAwait(false);
        }
        catch (RowConflictException conflict)
        {
            grainState.ETag = Lost;
            throw new InconsistentStateException(conflict.Message, storedEtag: null, expected.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>A store that is out of reach for a moment is no reason for a client to hear of an error.</summary>
    private async Task<Row?> ReadAsync(RowKey key, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await commit.Store.ReadRowAsync(key, cancellation).ConfigureAwait(false);
            }
            catch (StoreUnavailableException) when (time.GetElapsedTime(started) < Patience)
            {
                await Task.Delay(RetryAfter, time, cancellation).ConfigureAwait(false);
            }
        }
    }
}
